"""Claims that are paused: no job is started until somebody goes on; those that run go on."""

from datetime import datetime
from typing import NamedTuple

REASON_MAX = 200  # characters


class Pause(NamedTuple):
    who: str | None
    since: datetime
    reason: str | None
