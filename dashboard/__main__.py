"""Serve the dashboard by gunicorn: `python -m dashboard`; all arguments are gunicorn's."""

import sys

from dashboard.cli.serve import serve

if __name__ == "__main__":
    serve(sys.argv[1:])
