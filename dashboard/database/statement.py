"""Statements that are compiled once and run on the driver's own cursor.

For the statements that every request runs: with Connection.execute 32 clients claim 0.69 times as many jobs a second.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    bindparam,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from dashboard.core.job import utc_now

Convert = Callable[[Any], Any]

FEW = 10  # rows: a cursor keeps the rows that it has read, so one that read more is not used again


class Compiled:
    """A Core statement for either database. An INSERT names the columns of its values; no value is a list."""

    def __init__(self, statement: Any, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = columns
        self._forms: dict[str, _Form] = {}

    def rows(self, tx: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """Run it in this transaction, and return its rows. Raises SQLAlchemy's DBAPIError."""
        form = self._forms.get(tx.dialect.name) or self._compile(tx.dialect)
        if form.needs_now:
            values.setdefault("now", utc_now())
        values |= form.constants
        for name, convert in form.bind:
            values[name] = convert(values[name])
        rows = run(tx, form, [values[name] for name in form.names] if form.names else values)
        return form.read(rows) if form.result else rows

    def _compile(self, dialect: Dialect) -> "_Form":
        compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
        by_name = {name: bind for bind, name in compiled.bind_names.items()}  # `now` may stand in it several times
        binds = [(name, bind, bind.type.dialect_impl(dialect)) for name, bind in by_name.items()]
        returned = getattr(self._statement, "exported_columns", ())
        columns = enumerate(column.type.dialect_impl(dialect) for column in returned)
        self._forms[dialect.name] = form = _Form(
            str(compiled),
            compiled.positiontup,
            {name: bind.value for name, bind, _ in binds if not bind.required},
            [(name, convert) for name, _, kind in binds if (convert := kind.bind_processor(dialect))],
            [(place, convert) for place, kind in columns if (convert := kind.result_processor(dialect, None))],
            bool(returned),
            "now" in by_name,
        )
        return form


class Now(ColumnElement[datetime]):
    """The moment by the clock that judges leases: PostgreSQL's; on SQLite this machine's, as the parameter `now`."""

    type = DateTime()
    inherit_cache = True


@compiles(Now)
def _now(element: Now, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(bindparam("now", type_=DateTime()), **options)


@compiles(Now, "postgresql")
def _now_of_postgresql(element: Now, compiler: SQLCompiler, **options: Any) -> str:
    return "timezone('utc', statement_timestamp())"


class Many:
    """A Core statement about rows that are given: once for all of them on PostgreSQL (unnest), each alone on SQLite.

    `build` makes the statement from an object whose attributes are the given columns. PostgreSQL's triggers are by
    statement, so a hundred rows there cost one update of the tally; in SQLite a statement costs microseconds.
    """

    def __init__(self, build: Callable[[Any], Any], **types: TypeEngine[Any]) -> None:
        given = {name: bindparam(name, type_=kind) for name, kind in types.items()}
        self._single = Compiled(build(SimpleNamespace(**given)))
        arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in types.items()]
        columns = [column(name, kind) for name, kind in types.items()]
        table = func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
        self._whole = Compiled(build(table.c))
        self._names = list(types)

    def rows(self, tx: Connection, given: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
        """Run it for these rows and return what it returns, in no particular order."""
        if tx.dialect.name == "sqlite":
            return [row for values in given for row in self._single.rows(tx, **values)]
        return self._whole.rows(tx, **{name: [values[name] for values in given] for name in self._names})


class Each(Many):
    """A SELECT about each of the rows that are given, which finds few rows for one.

    On PostgreSQL it is run for one after another, in their order (LATERAL): of a join the planner may expect so much,
    where its statistics are old, that it reads the whole table. The limit keeps it from making a join of it.
    """

    def __init__(self, build: Callable[[Any], Any], limit: int, **types: TypeEngine[Any]) -> None:
        super().__init__(build, **types)
        arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in types.items()]
        columns = [column(name, kind) for name, kind in types.items()]
        given = func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
        found = build(given.c).limit(literal_column(str(limit))).lateral("found")
        self._whole = Compiled(select(*found.c).select_from(given.join(found, true())))


class _Form(NamedTuple):
    """A statement in one dialect."""

    sql: str
    names: list[str] | None  # of the values, where the driver takes them by position
    constants: dict[str, Any]
    bind: list[tuple[str, Convert]]
    result: list[tuple[int, Convert]]
    has_rows: bool
    needs_now: bool

    def read(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return [self._convert(row) for row in rows]

    def _convert(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for place, convert in self.result:
            values[place] = convert(values[place])
        return tuple(values)


def run(tx: Connection, form: _Form, values: Any) -> list[tuple[Any, ...]]:
    """Run it in this transaction, and return the rows as the driver has them. Raises DBAPIError."""
    driver = tx.dialect.loaded_dbapi
    connection: Any = tx.connection
    try:
        cursor = connection.info.pop("cursor", None)  # in psycopg a new one costs as much as a short statement
        if cursor is None:
            cursor = connection.cursor()
        cursor.execute(form.sql, values)
        rows = cursor.fetchall() if form.has_rows else []
        if len(rows) < FEW:
            connection.info["cursor"] = cursor
        return rows
    except driver.Error as error:
        if isinstance(error, driver.OperationalError) and getattr(connection.dbapi_connection, "broken", True):
            tx.invalidate(error)  # psycopg alone knows whether its connection still works
        raise DBAPIError.instance(form.sql, None, error, driver.Error, dialect=tx.dialect) from error
