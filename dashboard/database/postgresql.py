"""How a connection to PostgreSQL is set up, whether to a server or to a pooler such as pgbouncer.

A pooler may run each transaction on another server connection, which other clients use too: there a statement that
one client has prepared runs for another, and a session's setting is lost or holds for another client.
"""

from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, event

from dashboard.config import Durability
from dashboard.database.errors import DatabaseBusyError, is_read_only

# For every connection, unless the URL says otherwise: a server that does not answer is given up, and so is one whose
# machine is gone without a word, after 25 s; texts are UTF-8 whatever the environment says.
CONNECT_ARGS = {
    "connect_timeout": 5,
    "client_encoding": "utf8",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "job-queue",
}

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


def connect_args(url: URL) -> dict[str, Any]:
    """What this URL leaves open. Of several hosts the one is wanted that takes writes."""
    hosts = url.query.get("host", ())
    are_several = "," in hosts if isinstance(hosts, str) else len(hosts) > 1
    wanted = CONNECT_ARGS | ({"target_session_attrs": "read-write"} if are_several else {})
    return {name: value for name, value in wanted.items() if name not in url.query}


def set_up(engine: Engine, durability: Durability, *, writes: bool) -> None:
    """Have every statement on this engine's connections run under these settings."""
    settings = dict(SETTINGS) | ({"synchronous_commit": "off"} if durability is Durability.RELAXED else {})
    if writes:
        settings |= WRITE_PLANS
    is_full = durability is Durability.FULL
    cursor_behind_a_pooler = _cursor_that_sends(settings, is_full, engine.dialect.loaded_dbapi)

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.add_notice_handler(lambda notice: _note(notice, record.info))
        if not _set_for_session(connection, settings, is_full):
            connection.prepare_threshold = None
            connection.cursor_factory = cursor_behind_a_pooler

    @event.listens_for(engine, "handle_error")
    def handle_error(context: ExceptionContext) -> None:
        if is_read_only(context.original_exception):
            context.is_disconnect = True


def _note(notice: Any, info: dict[str, Any]) -> None:
    """Somebody has cancelled the wait of a COMMIT for a standby: the server says success, and only warns."""
    if notice.source_function == "SyncRepWaitForLSN":  # the words of the warning depend on the server's language
        info[_UNSURE] = True


_UNSURE = "a commit that no standby has confirmed"


def check_commit(connection: Connection) -> None:
    """Raise DatabaseBusyError where the last commit may be lost when a standby takes over."""
    if connection.info.pop(_UNSURE, False):
        raise DatabaseBusyError("The wait of a commit for its standby was cancelled")


# Full durability is at least `on`. What an operator has set beyond that, such as remote_apply, stays.
_FULL = (
    "SELECT set_config('synchronous_commit', 'on', {is_local}) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')"
)
_SET_FOR_SESSION = (
    "SELECT set_config(key, value, false) FROM unnest(%s::text[], %s::text[]) AS s (key, value) "
    "WHERE pg_backend_pid() = %s"
)


def _set_for_session(connection: Any, settings: dict[str, str], is_full: bool) -> bool:
    """Set them if the process that answers is the one that accepted the connection; otherwise there is a pooler."""
    accepted_by = connection.info.backend_pid
    if not connection.execute(_SET_FOR_SESSION, [[*settings], [*settings.values()], accepted_by]).fetchall():
        return False
    if is_full:
        connection.execute(_FULL.format(is_local="false"))
    return True


def _cursor_that_sends(settings: dict[str, str], is_full: bool, psycopg: Any) -> type:
    begin = "".join(f"SET LOCAL {name} = '{value}'; " for name, value in settings.items())
    if is_full:
        begin += f"{_FULL.format(is_local='true')}; "

    class Cursor(psycopg.ClientCursor):  # type: ignore[misc]  # it prepares nothing
        """Sends the settings with the first statement of each transaction, in one message."""

        def execute(self, query: str, params: Any = None, **options: Any) -> Any:
            if self.connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                return super().execute(query, params, **options)
            super().execute(begin + query, params, **options)
            return self.set_result(-1)  # the statement's own; those of the settings come before it

    return Cursor
