"""What gunicorn serves: `gunicorn wsgi:app`."""

import sys

from dashboard.app import create_app
from dashboard.config import SettingsError
from dashboard.database.errors import UnusableDatabaseError
from dashboard.ops import housekeeper

WORKER_BOOT_ERROR = 3  # by which gunicorn knows that another try would fail, too

try:
    app = create_app()
    housekeeper.start(app)
except (SettingsError, UnusableDatabaseError) as error:
    print(f"Cannot start: {error}", file=sys.stderr)
    sys.exit(WORKER_BOOT_ERROR)
