"""Waiting times after wrong passwords, the same in every process: the database counts the failed attempts.

After failed attempts, their address has to wait. Their name has to wait too, whatever addresses they came from, but
only at addresses that never succeeded with that name: so attempts from elsewhere do not lock its user out. A success
resets the count of its own name and address only, because an attacker may have a password too.

An attempt counts as failed from its beginning until it succeeds, so a hundred attempts at once gain nothing.
"""

from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, or_, select, text, update

from dashboard.core.job import utc_now
from dashboard.database.schema import attempts
from dashboard.database.transactions import reading, writing

FREE = 5  # attempts before the first waiting time

WAIT_MAX = 300  # seconds

FORGET_AFTER = timedelta(days=1)  # failed attempts

KNOWN_FOR = timedelta(days=30)  # an address after its last success


def begin(name: str, address: str) -> int:
    """Count an attempt and return 0, or return the seconds until the next attempt; then nothing is counted."""
    now = utc_now()
    values = _values(name, address) | {"now": now, "since": now - FORGET_AFTER, "known_since": now - KNOWN_FOR}
    with reading() as tx:  # attempts that have to wait take no turn to write
        if wait := _wait(tx, values):
            return wait
    with writing() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("LOCK TABLE attempts IN SHARE ROW EXCLUSIVE MODE"))
        tx.execute(_FORGET, values)
        if wait := _wait(tx, values):
            return wait
        if not tx.execute(_COUNT, values).rowcount:
            tx.execute(_INSERT, values)
    return 0


def succeeded(name: str, address: str) -> None:
    with writing() as tx:
        tx.execute(_SUCCEED, _values(name, address) | {"now": utc_now()})


def _values(name: str, address: str) -> dict[str, Any]:
    return {"of_name": _hash(name), "of_address": _hash(_network(address))}


def _hash(value: str) -> str:
    return sha256(value.encode()).hexdigest()


def _network(address: str) -> str:
    """The address; for IPv6 its /64 network, all of which one client may use."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))


def _wait(tx: Connection, values: dict[str, Any]) -> int:
    """Seconds until an attempt with this name from this address."""
    is_known = tx.execute(_IS_KNOWN, values).first()
    counts = [tx.execute(count, values).one() for count in ((_OF_ADDRESS,) if is_known else (_OF_ADDRESS, _OF_NAME))]
    ends = [last + timedelta(seconds=_seconds(failed)) for failed, last in counts if failed]
    wait: timedelta = max(ends, default=values["now"]) - values["now"]
    return max(0, ceil(wait.total_seconds()))


def _seconds(failed: int) -> int:
    return min(2 ** (failed - FREE), WAIT_MAX) if failed >= FREE else 0


_is_this = and_(attempts.c.name == bindparam("of_name"), attempts.c.address == bindparam("of_address"))

_is_known = attempts.c.succeeded_at >= bindparam("known_since")


def _failed(where: ColumnElement[bool]) -> Any:
    """How many of these attempts failed, and when the last one did."""
    counted = where, attempts.c.failed > 0, attempts.c.tried_at >= bindparam("since")
    return select(func.coalesce(func.sum(attempts.c.failed), 0), func.max(attempts.c.tried_at)).where(*counted)


_FORGET = delete(attempts).where(
    attempts.c.tried_at < bindparam("since"), or_(attempts.c.succeeded_at.is_(None), ~_is_known)
)

_COUNT = (
    update(attempts)
    .where(_is_this)
    .values(
        failed=case((attempts.c.tried_at < bindparam("since"), 1), else_=attempts.c.failed + 1),
        tried_at=bindparam("now"),
    )
)

_INSERT = attempts.insert().values(
    name=bindparam("of_name"), address=bindparam("of_address"), failed=1, tried_at=bindparam("now")
)

_SUCCEED = update(attempts).where(_is_this).values(failed=0, tried_at=bindparam("now"), succeeded_at=bindparam("now"))

_IS_KNOWN = select(attempts.c.failed).where(_is_this, _is_known)

_OF_ADDRESS = _failed(attempts.c.address == bindparam("of_address"))

_OF_NAME = _failed(and_(attempts.c.name == bindparam("of_name"), or_(attempts.c.succeeded_at.is_(None), ~_is_known)))
