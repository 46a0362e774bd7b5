"""Whether writes get through, as far as this process can know without writing."""

import os

from flask import current_app
from sqlalchemy import text

from dashboard.database.engine import db
from dashboard.database.pulse import STUCK_AFTER, Pulse
from dashboard.database.transactions import asking


def what_prevents_them() -> str | None:
    """A sentence, or None where nothing is known to prevent writes."""
    pulse: Pulse = current_app.extensions["pulse"]
    if pulse.is_stuck():
        return f"No write has got through for {STUCK_AFTER:.0f} s, and some wait"
    if db.engine.dialect.name == "sqlite":
        return None if os.access(db.engine.url.database or "", os.W_OK) else "The database file is read-only"
    with asking() as tx:
        is_read_only = tx.execute(_IS_READ_ONLY).scalar_one() != "off"
    return "The database is read-only: a standby, or made so" if is_read_only else None


_IS_READ_ONLY = text("SELECT current_setting('transaction_read_only')")
