"""PostgreSQL's choice of a plan, where its statistics would mislead it."""

from sqlalchemy import Connection, text


def by_indexes(tx: Connection) -> None:
    """On PostgreSQL, have this transaction's plans read an index in its order, and stop at the LIMIT.

    After an ANALYZE of an idle queue the planner takes an index for almost empty: it would read all of its entries,
    and sort them, for the first few.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(_BY_INDEXES)


_BY_INDEXES = text("SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true)")
