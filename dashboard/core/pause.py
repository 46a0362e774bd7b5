"""A pause of all claims: while it lasts no PENDING job is started, and RUNNING jobs are not touched."""

from datetime import datetime
from typing import NamedTuple

REASON_MAX = 200  # characters


class Pause(NamedTuple):
    who: str | None
    since: datetime
    reason: str | None
