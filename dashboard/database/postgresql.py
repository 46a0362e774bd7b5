"""How a connection to PostgreSQL is set up, whether to a server or to a pooler such as pgbouncer.

A pooler may run each transaction on another server connection, which other clients use too: there a statement that
one client has prepared runs for another, and a session's setting is lost or holds for another client.
"""

from typing import Any

from sqlalchemy import Engine, event

from dashboard.config import Durability

# For every connection: a server that does not answer is given up, and texts are UTF-8 whatever the environment says.
CONNECT_ARGS = {"connect_timeout": 5, "client_encoding": "utf8"}

# No statement waits without end, no transaction that was left open slows every claim, and no short statement is
# compiled for seconds because the planner, with old statistics, takes it for a long one.
SETTINGS = {
    "jit": "off",
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
}

# A write finds its rows by an index, each alone. A plan is kept for a minute and more: one that was made while a table
# had few rows would read the whole of it later.
WRITE_PLANS = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}


def set_up(engine: Engine, durability: Durability, *, writes: bool) -> None:
    """Have every statement on this engine's connections run under these settings."""
    settings = SETTINGS | {"synchronous_commit": "on" if durability is Durability.FULL else "off"}
    if writes:
        settings |= WRITE_PLANS
    cursor_behind_a_pooler = _cursor_that_sends(settings, engine.dialect.loaded_dbapi)

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        if not _set_for_session(connection, settings):
            connection.prepare_threshold = None
            connection.cursor_factory = cursor_behind_a_pooler


_SET_FOR_SESSION = (
    "SELECT set_config(key, value, false) FROM unnest(%s::text[], %s::text[]) AS s (key, value) "
    "WHERE pg_backend_pid() = %s"
)


def _set_for_session(connection: Any, settings: dict[str, str]) -> bool:
    """Set them if the process that answers is the one that accepted the connection; otherwise there is a pooler."""
    accepted_by = connection.info.backend_pid
    return bool(connection.execute(_SET_FOR_SESSION, [[*settings], [*settings.values()], accepted_by]).fetchall())


def _cursor_that_sends(settings: dict[str, str], psycopg: Any) -> type:
    begin = "".join(f"SET LOCAL {name} = '{value}'; " for name, value in settings.items())

    class Cursor(psycopg.ClientCursor):  # type: ignore[misc]  # it prepares nothing
        """Sends the settings with the first statement of each transaction, in one message."""

        def execute(self, query: str, params: Any = None, **options: Any) -> Any:
            if self.connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                return super().execute(query, params, **options)
            super().execute(begin + query, params, **options)
            return self.set_result(-1)  # the statement's own; those of the settings come before it

    return Cursor
