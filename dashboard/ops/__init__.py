"""The machines' door: health. No job is changed here."""
