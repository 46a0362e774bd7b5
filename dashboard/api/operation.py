"""What a JSON operation takes and returns, declared once beside its route.

This module parses requests by that declaration, and openapi.py describes the operation by it.
"""

from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from re import fullmatch
from typing import Any, NamedTuple, get_origin
from urllib.parse import parse_qsl, quote

from flask import Request, Response
from flask.globals import request_ctx
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from dashboard.http.answers import JSON, Answer, changed, json_response
from dashboard.http.json_text import parse_json
from dashboard.http.refusals import InvalidRequestError, Problem
from dashboard.security import bodies
from dashboard.security.cross_site import SAFE_METHODS

PROBLEMS_MAX = 1_000  # problems in one refusal: it must not be many times as long as the request

KEY_HEADER = "Idempotency-Key"
_KEY_IN_ENVIRON = "HTTP_IDEMPOTENCY_KEY"


class Key(NamedTuple):
    """An Idempotency-Key that an operation takes."""

    pattern: str  # a regular expression of the whole key
    form: str  # the same in a sentence
    does: str  # what it does here
    example: str


@dataclass(frozen=True)
class Operation:
    """One route of the JSON API. A body is required where its model has a required field.

    Of an answer's models the fullest stands first: a generated client takes the first one that fits.
    """

    name: str  # what a generated client calls it
    answer: Any = None  # without one the answer has no body
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    refuses: tuple[int, ...] = ()
    headers: tuple[tuple[str, str, str], ...] = ()  # name, type and meaning of each header that only this one has
    key: Key | None = None
    media_types: tuple[str, ...] = (JSON,)  # of the answer

    @cached_property
    def body_required(self) -> bool:
        return self.body is not None and any(field.is_required() for field in self.body.model_fields.values())


def operation(name: str, **declared: Any) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Make a Flask view of a function of parsed arguments that returns a job, a list, a dict, None, or a Response.

    The arguments are those of the route, as text, and `body` and `query` where the Operation has them.
    """
    op = Operation(name, **declared)

    def decorate(function: Callable[..., Any]) -> Callable[..., Response]:
        read = _reader(op)

        @wraps(function)
        def view(**path: str) -> Response:
            answer = function(**path, **read())
            if isinstance(answer, Response):
                return answer
            if answer is None:
                return Answer(status=op.status)
            if request_ctx.request.method not in SAFE_METHODS and not isinstance(answer, dict):
                changed(answer)
            return json_response(answer, op.status)

        view.operation = op  # type: ignore[attr-defined]
        return view

    return decorate


def _reader(op: Operation) -> Callable[[], dict[str, Any]]:
    """A function that reads the operation's arguments from the request.

    It raises InvalidRequestError with everything that is wrong with them.
    """
    parts: list[tuple[str, Callable[[Request], Any]]] = []
    if (query := op.query) is not None:
        parts.append(("query", _query_reader(query)))
    if (body := op.body) is not None:
        parts.append(("body", lambda request: _body(request, body, op.body_required)))

    def read() -> dict[str, Any]:
        request = request_ctx.request
        arguments = {}
        problems: list[Problem] = []
        for name, parse in parts:
            try:
                arguments[name] = parse(request)
            except ValidationError as error:
                found = error.errors(include_url=False, include_context=False)
                problems.extend({**problem, "loc": [name, *problem["loc"]]} for problem in found)
            except ValueError as error:
                kind = "json_invalid" if name == "body" else "value_error"
                problems.append({"type": kind, "loc": [name], "msg": str(error), "input": None})
        if problems:
            raise InvalidRequestError(problems[:PROBLEMS_MAX])
        return arguments

    return read


def _query_reader(model: type[BaseModel]) -> Callable[[Request], BaseModel]:
    if any(field.is_required() for field in model.model_fields.values()):
        return lambda request: model.model_validate(_query(request, model))
    empty = model()  # for most requests: to make it anew takes 4 µs
    return lambda request: model.model_validate(_query(request, model)) if request.query_string else empty


def idempotency_key(key: Key) -> str | None:
    """The request's Idempotency-Key, if it has one; raises InvalidRequestError where it is not of this form."""
    sent = request_ctx.request.environ.get(_KEY_IN_ENVIRON)  # a header that is missing takes five times as long
    if sent is not None and not fullmatch(key.pattern, sent):
        problem = {"type": "string_pattern_mismatch", "loc": ["header", KEY_HEADER], "msg": key.form, "input": sent}
        raise InvalidRequestError([problem])
    return sent


def _query(request: Request, model: type[BaseModel]) -> dict[str, Any]:
    """The parameters of the query that the model knows; others are ignored, as FastAPI does.

    A value that is not UTF-8 stays bytes, which pydantic rejects. Werkzeug would replace what it cannot decode.
    """
    pairs = parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    values: dict[str, Any] = {}
    for field_name, field in model.model_fields.items():
        name = field.alias or field_name
        given = [_text(value.encode("latin-1")) for key, value in pairs if key == name]
        if get_origin(field.annotation) is list:
            values[name] = given
        elif len(given) > 1:
            raise ValueError(f"{name} is given more than once")
        elif given:
            values[name] = given[0]
    return values


IGNORED_MAX = 20  # names that one header has


def ignored(model: type[BaseModel]) -> str | None:
    """The names of parameters of the request's query that the model does not know, as one header may have them."""
    query = request_ctx.request.query_string
    if not query:
        return None
    known = {field.alias or name for name, field in model.model_fields.items()}
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    names = dict.fromkeys(quote(name.encode("latin-1"))[:100] for name, _ in pairs if name not in known)
    return ", ".join([*names][:IGNORED_MAX]) or None


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _body(request: Request, model: type[BaseModel], required: bool) -> BaseModel:
    data = bodies.read(request)
    if data and request.environ.get("CONTENT_TYPE") != JSON and request.mimetype and not request.is_json:
        raise UnsupportedMediaType("The body must be application/json")
    value = parse_json(data.removeprefix(BOM_UTF8)) if data else None
    if value is None and required:
        raise ValidationError.from_exception_data(model.__name__, [{"type": "missing", "loc": (), "input": None}])
    return model() if value is None else model.model_validate(value)
