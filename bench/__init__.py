"""The benchmark: `./run bench`, and `--large`, `--json`."""
