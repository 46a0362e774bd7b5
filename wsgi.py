"""What gunicorn serves: `gunicorn wsgi:app`."""

import sys

from dashboard import create_app
from dashboard.config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"Cannot start: {error}")
