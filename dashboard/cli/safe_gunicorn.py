"""gunicorn, as a script that imports from the current folder only what is nowhere else.

gunicorn puts that folder before all others, unless it is among them already. A script, because gunicorn starts what it
was started by once more when it is told to replace itself.
"""

import sys

from gunicorn import util
from gunicorn.app.wsgiapp import run

if __name__ == "__main__":
    sys.path.append(util.getcwd())
    run(prog="gunicorn")
