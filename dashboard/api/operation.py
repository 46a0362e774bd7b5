"""What a JSON operation takes and gives, said once beside its route: this parses by it, openapi.py describes by it."""

from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any
from urllib.parse import parse_qsl

from flask import Request, Response
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest, ClientDisconnected, HTTPException, UnsupportedMediaType

from dashboard.current import this_request
from dashboard.http.answers import JSON, json_response
from dashboard.http.json_text import parse_json
from dashboard.http.refusals import InvalidRequestError, Problem
from dashboard.security.bodies import body_length, body_too_long

PROBLEMS_MAX = 100  # that one refusal tells: it must not be many times as long as the request


@dataclass(frozen=True)
class Operation:
    """One route of the JSON API. A body is required where its model has a required field."""

    answer: Any
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    refuses: tuple[int, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()  # name and meaning of the answer's own

    @cached_property
    def body_required(self) -> bool:
        return self.body is not None and any(field.is_required() for field in self.body.model_fields.values())


def operation(**told: Any) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Make a Flask view of a function that takes parsed arguments and returns a job, a list, a dict, or a Response.

    The arguments are those of the route, as text, and `body` and `query` where the Operation says so.
    """
    op = Operation(**told)

    def decorate(function: Callable[..., Any]) -> Callable[..., Response]:
        read = _reader(op)

        @wraps(function)
        def view(**path: str) -> Response:
            answer = function(**path, **read())
            return answer if isinstance(answer, Response) else json_response(answer, op.status)

        view.operation = op  # type: ignore[attr-defined]
        return view

    return decorate


def _reader(op: Operation) -> Callable[[], dict[str, Any]]:
    """What reads the operation's arguments from a request; it raises InvalidRequestError with all that is wrong."""
    parts: list[tuple[str, Callable[[Request], Any]]] = []
    if (query := op.query) is not None:
        parts.append(("query", lambda asked: query.model_validate(_query(asked, query))))
    if (body := op.body) is not None:
        parts.append(("body", lambda asked: _body(asked, body, op.body_required)))

    def read() -> dict[str, Any]:
        asked = this_request()
        arguments = {}
        problems: list[Problem] = []
        for name, parse in parts:
            try:
                arguments[name] = parse(asked)
            except ValidationError as error:
                told = error.errors(include_url=False, include_context=False)
                problems.extend({**problem, "loc": [name, *problem["loc"]]} for problem in told)
            except ValueError as error:
                kind = "json_invalid" if name == "body" else "value_error"
                problems.append({"type": kind, "loc": [name], "msg": str(error), "input": None})
        if problems:
            raise InvalidRequestError(problems[:PROBLEMS_MAX])
        return arguments

    return read


def _query(asked: Request, model: type[BaseModel]) -> dict[str, str | bytes]:
    """The query's values that the model knows; what it does not know is passed over, as FastAPI does.

    A value that is not UTF-8 stays bytes, which pydantic refuses. Werkzeug would make another text of it.
    """
    if not asked.query_string:
        return {}
    pairs = parse_qsl(asked.query_string.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    values: dict[str, str | bytes] = {}
    for name in model.model_fields:
        given = [value for key, value in pairs if key == name]
        if len(given) > 1:
            raise ValueError(f"{name} is given more than once")
        if given:
            values[name] = _text(given[0].encode("latin-1"))
    return values


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _body(asked: Request, model: type[BaseModel], required: bool) -> BaseModel:
    data = _data(asked)
    if data and asked.environ.get("CONTENT_TYPE") != JSON and asked.mimetype and not asked.is_json:
        raise UnsupportedMediaType("The body must be application/json")
    value = parse_json(data.removeprefix(BOM_UTF8)) if data else None
    if value is None and required:
        raise ValidationError.from_exception_data(model.__name__, [{"type": "missing", "loc": (), "input": None}])
    return model() if value is None else model.model_validate(value)


def _data(asked: Request) -> bytes:
    try:
        return _read(asked)
    except HTTPException:
        raise
    except Exception as error:  # of the server's own kind, whichever that is
        raise BadRequest("The body is broken") from error


def _read(asked: Request) -> bytes:
    """The body. Its length, where it is said, has been checked; of one sent in chunks Werkzeug would read up to the
    limit and say nothing."""
    if length := body_length(asked):
        data: bytes = asked.environ["wsgi.input"].read(length)  # a sixth of what Werkzeug's way to it costs
        if len(data) < length:
            raise ClientDisconnected
        return data
    if "HTTP_TRANSFER_ENCODING" not in asked.environ:
        return b""
    limit = asked.max_content_length or 0
    asked.max_content_length = limit + 1
    data = asked.get_data(cache=False)
    if len(data) > limit:
        raise body_too_long(limit)
    return data
