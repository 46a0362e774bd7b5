"""Where the files are that are no modules: in a wheel they are in the package, in a checkout beside it."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_IS_INSTALLED = (_PACKAGE / "templates").is_dir()

FOLDER = _PACKAGE if _IS_INSTALLED else _PACKAGE.parent
TEMPLATES = FOLDER / "templates"
STATIC = FOLDER / "static"
WSGI = FOLDER / "wsgi.py"
GUNICORN = FOLDER / "gunicorn.conf.py"

# Of a relative DATABASE_URL. An installed package is replaced by its next version, so nothing is kept in it.
INSTANCE = Path.cwd() if _IS_INSTALLED else FOLDER / "instance"
