"""What gunicorn serves: `gunicorn wsgi:app`."""

import sys

from dashboard import create_app
from dashboard.config import SettingsError
from dashboard.migrate import SchemaError

try:
    app = create_app()
except (SettingsError, SchemaError) as error:
    sys.exit(f"Cannot start: {error}")
