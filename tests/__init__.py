"""The tests: sentences about behaviour, over real parts, in the folders of dashboard/."""
