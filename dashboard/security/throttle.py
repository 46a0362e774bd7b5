"""Guesses of passwords are slowed down, in every process alike: the database counts those that failed.

An address that failed waits. A name that failed waits too, however many addresses the guesses came from, but only for
addresses that never succeeded with that name: so guesses from elsewhere do not lock a person out. A success forgets
what failed for its own name and address, and nothing else: a guesser may have a password, too.

An attempt counts as failed from its beginning until it has succeeded, so that a hundred at once gain nothing.
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

FREE = 5  # attempts before one has to wait

WAIT_MAX = 300  # seconds

FORGET_AFTER = timedelta(days=1)  # what failed

KNOWN_FOR = timedelta(days=30)  # an address, since it last succeeded


def begin(name: str, address: str) -> int:
    """Count an attempt, or say how many seconds the next one has to wait; then nothing was counted."""
    now = utc_now()
    asked = _asked(name, address) | {"now": now, "since": now - FORGET_AFTER, "known_since": now - KNOWN_FOR}
    with reading() as tx:  # who has to wait must not have the writers wait
        if wait := _wait(tx, asked):
            return wait
    with writing() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("LOCK TABLE attempts IN SHARE ROW EXCLUSIVE MODE"))
        tx.execute(_FORGET, asked)
        if wait := _wait(tx, asked):
            return wait
        if not tx.execute(_COUNT, asked).rowcount:
            tx.execute(_INSERT, asked)
    return 0


def succeeded(name: str, address: str) -> None:
    with writing() as tx:
        tx.execute(_SUCCEED, _asked(name, address) | {"now": utc_now()})


def _asked(name: str, address: str) -> dict[str, Any]:
    return {"of_name": _hash(name), "of_address": _hash(_network(address))}


def _hash(value: str) -> str:
    return sha256(value.encode()).hexdigest()


def _network(address: str) -> str:
    """The address; of IPv6 the network of 2**64 that one person has."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))


def _wait(tx: Connection, asked: dict[str, Any]) -> int:
    """Seconds until this name may be tried from this address."""
    is_known = tx.execute(_IS_KNOWN, asked).first()
    counts = [tx.execute(count, asked).one() for count in ((_OF_ADDRESS,) if is_known else (_OF_ADDRESS, _OF_NAME))]
    ends = [last + timedelta(seconds=_seconds(failed)) for failed, last in counts if failed]
    wait: timedelta = max(ends, default=asked["now"]) - asked["now"]
    return max(0, ceil(wait.total_seconds()))


def _seconds(failed: int) -> int:
    return min(2 ** (failed - FREE), WAIT_MAX) if failed >= FREE else 0


_is_this = and_(attempts.c.name == bindparam("of_name"), attempts.c.address == bindparam("of_address"))

_is_known = attempts.c.succeeded_at >= bindparam("known_since")


def _failed(where: ColumnElement[bool]) -> Any:
    """How many failed of these, and when the last one did."""
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
