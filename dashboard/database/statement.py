"""Statements that are compiled once and run on the driver's own cursor.

For the statements that every request runs: with Connection.execute 32 clients claim 0.69 times as many jobs a second.
Where a listener is registered for SQLAlchemy's events, as by a tracer, SQLAlchemy executes them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import repeat
from types import SimpleNamespace
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    String,
    TypeDecorator,
    bindparam,
    cast,
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
from dashboard.database.errors import is_read_only

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
        form = self._form(tx)
        if form.needs_now:
            values.setdefault("now", utc_now())
        values |= form.constants
        for name, convert in form.bind:
            values[name] = convert(values[name])
        rows = run(tx, form, [values[name] for name in form.names] if form.names else values)
        return form.read(rows) if form.result else rows

    def rows_of_each(self, tx: Connection, given: Sequence[Mapping[str, Any]], **common: Any) -> list[tuple[Any, ...]]:
        """The same on SQLite for each of these rows of values, one after another; `common` values are for all."""
        form = self._form(tx)
        if form.needs_now:
            common.setdefault("now", utc_now())
        common |= form.constants
        converts = dict(form.bind)
        columns: list[Iterable[Any]] = []
        for name in form.names or ():
            convert = converts.get(name, _as_it_is)
            if name in common:
                columns.append(repeat(convert(common[name]), len(given)))
            else:
                columns.append([convert(values[name]) for values in given])
        rows = run_each(tx, form, list(zip(*columns, strict=True)))
        return form.read(rows) if form.result else rows

    def _form(self, tx: Connection) -> "_Form":
        return self._forms.get(tx.dialect.name) or self._compile(tx.dialect)

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


class NowOfFilter(Now):
    """The same in a condition that no index serves.

    Of a bare parameter there SQLite looks at the value, and so plans the statement anew at each run: 18 µs of a claim.
    """


@compiles(NowOfFilter, "sqlite")
def _now_of_filter(element: NowOfFilter, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{_now(element, compiler, **options)}"


class Many:
    """A Core statement about rows that are given: once for all of them on PostgreSQL (unnest), each alone on SQLite.

    `build` makes the statement from an object whose attributes are the given columns. PostgreSQL's triggers are by
    statement, so a hundred rows there cost one update of the tally; in SQLite a statement costs microseconds.
    """

    def __init__(self, build: Callable[[Any], Any], **types: TypeEngine[Any]) -> None:
        self._single = Compiled(build(SimpleNamespace(**{name: bindparam(name, type_=types[name]) for name in types})))
        arrays = [cast(bindparam(name, type_=_Array(kind)), ARRAY(kind)) for name, kind in types.items()]
        columns = [column(name, kind) for name, kind in types.items()]
        self._whole = Compiled(
            self._of_all(build, func.unnest(*arrays).table_valued(*columns, name="given").render_derived())
        )
        self._names = list(types)

    def _of_all(self, build: Callable[[Any], Any], given: Any) -> Any:
        return build(given.c)

    def rows(self, tx: Connection, given: Sequence[Mapping[str, Any]], **common: Any) -> list[tuple[Any, ...]]:
        """Run it for these rows and return what it returns, in no particular order.

        `common` are values of parameters that are the same for all rows.
        """
        if tx.dialect.name == "sqlite":
            return self._single.rows_of_each(tx, given, **common)
        return self._whole.rows(tx, **common, **{name: [values[name] for values in given] for name in self._names})


class Each(Many):
    """A SELECT about each of the rows that are given, which finds few rows for one.

    On PostgreSQL it is run for one after another, in their order (LATERAL): of a join the planner may expect so much,
    where its statistics are old, that it reads the whole table. The limit keeps it from making a join of it.
    """

    def __init__(self, build: Callable[[Any], Any], limit: int, **types: TypeEngine[Any]) -> None:
        self._limit: ColumnElement[int] = literal_column(str(limit))
        super().__init__(build, **types)

    def _of_all(self, build: Callable[[Any], Any], given: Any) -> Any:
        found = build(given.c).limit(self._limit).lateral("found")
        return select(*found.c).select_from(given.join(found, true()))


class _Array(TypeDecorator[list[Any]]):
    """A list as PostgreSQL writes an array: psycopg takes 2 µs to write an element, of which a batch has thousands."""

    impl = String
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> str:
        convert = self.item.dialect_impl(dialect).bind_processor(dialect) or _as_it_is
        return f"{{{','.join([_element(convert(each)) for each in value or ()])}}}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _as_it_is(value: Any) -> Any:
    return value


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
    if is_listened_to(tx.engine):
        return _heard(tx, form, tuple(values) if form.names else values)
    return _with_cursor(tx, form, partial(_execute, form=form, values=values))


def run_each(tx: Connection, form: _Form, given: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The same for each of these values, one after another."""
    if is_listened_to(tx.engine):
        return [row for values in given for row in _heard(tx, form, values)]
    return _with_cursor(tx, form, partial(_execute_each, form=form, given=given))


def is_listened_to(engine: Engine) -> bool:
    """Whether a listener, such as a tracer's, is registered for the statements of this engine."""
    return bool(engine.dispatch.before_cursor_execute)


def _heard(tx: Connection, form: _Form, values: Any) -> list[tuple[Any, ...]]:
    """By SQLAlchemy's own cursor, with its events."""
    try:
        result = tx.exec_driver_sql(form.sql, values)
    except DBAPIError as error:
        if error.orig and is_read_only(error.orig):
            tx.invalidate(error.orig)
        raise
    return [tuple(row) for row in result] if form.has_rows else []


def _with_cursor(tx: Connection, form: _Form, execute: Callable[[Any], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    driver = tx.dialect.loaded_dbapi
    connection: Any = tx.connection
    try:
        cursor = connection.info.pop("cursor", None)  # in psycopg a new one costs as much as a short statement
        if cursor is None:
            cursor = connection.cursor()
        rows = execute(cursor)
        if len(rows) < FEW:
            connection.info["cursor"] = cursor
        return rows
    except driver.Error as error:
        # psycopg alone knows whether its connection still works.
        is_broken = isinstance(error, driver.OperationalError) and getattr(connection.dbapi_connection, "broken", True)
        if is_broken or is_read_only(error):
            tx.invalidate(error)
        raise DBAPIError.instance(form.sql, None, error, driver.Error, dialect=tx.dialect) from error


def _execute(cursor: Any, form: _Form, values: Any) -> list[tuple[Any, ...]]:
    cursor.execute(form.sql, values)
    rows: list[tuple[Any, ...]] = cursor.fetchall() if form.has_rows else []
    return rows


def _execute_each(cursor: Any, form: _Form, given: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    if form.has_rows:
        return [row for values in given for row in cursor.execute(form.sql, values).fetchall()]
    cursor.executemany(form.sql, given)
    return []
