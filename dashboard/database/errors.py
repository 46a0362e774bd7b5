"""Exceptions that say that the database cannot be used: now, at all, or for as long as a statement would take."""

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError


class DatabaseBusyError(Exception):
    """No connection and no turn to write was free in time, or the outcome of a commit is unknown."""


class UnusableDatabaseError(Exception):
    """The database can be reached, and another attempt would fail too; str() of it is a sentence."""


class TookTooLongError(Exception):
    """A statement was stopped at its time limit, and nothing was read."""


# The database is locked, full, read-only, down or has no connection free: another attempt may succeed.
UNAVAILABLE = (OperationalError, InterfaceError, InternalError, DatabaseBusyError)


def is_read_only(error: BaseException) -> bool:
    """Whether a PostgreSQL server takes no writes: a standby, or one that was demoted.

    It stays as it is, so its connections are closed: the next one may lead to the server that is primary then.
    """
    return getattr(error, "sqlstate", None) == "25006"
