"""Wrong passwords are slowed down, per name and per address, in every process alike: the database counts them.

An attempt counts as wrong from its beginning until it has succeeded, so that a hundred at once gain nothing.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, text

from dashboard.jobs import utc_now
from dashboard.models import attempts
from dashboard.transactions import reading, writing

FREE = 5  # attempts before one has to wait
WAIT_MAX = 300  # seconds
FORGET_AFTER = timedelta(days=1)


def begin(name: str, address: str) -> int:
    """Count an attempt, or say how many seconds the next one has to wait; then nothing was counted."""
    now = utc_now()
    keys = _keys(name, address)
    with reading() as tx:  # whoever has to wait must not have the writers wait
        if wait := _wait(_counted(tx, keys), now):
            return wait
    with writing() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("LOCK TABLE attempts IN SHARE ROW EXCLUSIVE MODE"))
        tx.execute(_FORGET, {"before": now - FORGET_AFTER})
        counted = _counted(tx, keys)
        if wait := _wait(counted, now):
            return wait
        for key in keys:
            number = counted[key].number + 1 if key in counted else 1
            seconds = min(2 ** (number - FREE), WAIT_MAX) if number >= FREE else 0
            tx.execute(delete(attempts).where(attempts.c.key == key))
            tx.execute(attempts.insert(), {"key": key, "number": number, "next_at": now + timedelta(seconds=seconds)})
    return 0


def _counted(tx: Connection, keys: list[str]) -> dict[str, Any]:
    return {row.key: row for row in tx.execute(_FIND, {"keys": keys})}


def _wait(counted: dict[str, Any], now: datetime) -> int:
    wait = max((row.next_at - now for row in counted.values()), default=timedelta())
    return max(0, ceil(wait.total_seconds()))


def succeeded(name: str, address: str) -> None:
    """Forget the attempts of this name and this address."""
    with writing() as tx:
        tx.execute(_CLEAR, {"keys": _keys(name, address)})


def _keys(name: str, address: str) -> list[str]:
    return [sha256(f"{kind}:{value}".encode()).hexdigest() for kind, value in (("name", name), ("address", address))]


_FIND = select(attempts).where(attempts.c.key.in_(bindparam("keys", expanding=True)))
_CLEAR = delete(attempts).where(attempts.c.key.in_(bindparam("keys", expanding=True)))
_FORGET = delete(attempts).where(attempts.c.next_at < bindparam("before"))
