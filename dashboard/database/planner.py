"""PostgreSQL's choice of a plan, where its statistics would mislead it."""

from sqlalchemy import Connection, text


def by_indexes(tx: Connection) -> None:
    """On PostgreSQL, for this transaction: what an index has in order is read in that order, and no more than is asked.

    Where it takes an index for almost empty, as after an ANALYZE of an idle queue, it would read all that the index
    has, and sort that, for the first few.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(_BY_INDEXES)


_BY_INDEXES = text("SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true)")
