"""The OpenAPI 3.1 document, made from the routes and their operations, and the page that shows it."""

from re import sub
from typing import Any

from flask import Blueprint, Flask, Response, current_app, render_template, request
from pydantic import BaseModel, TypeAdapter
from werkzeug.routing import Rule

from dashboard import __version__
from dashboard.api import schemas
from dashboard.api.operation import KEY_HEADER, Key, Operation
from dashboard.http.answers import json_response
from dashboard.security.access import viewers

REFS = "#/components/schemas/{model}"

REFUSALS = {
    400: ("The job's status forbids it", schemas.Refusal),
    404: ("No such job, or none to claim", schemas.Refusal),
    409: ("The job is held by another, or the key belongs to something else", schemas.Refusal),
    422: ("The request is not of the form above", schemas.InvalidRequest),
}

bp = Blueprint("openapi", __name__)


@bp.get("/openapi.json")
@viewers
def openapi() -> Response:
    return json_response(document(current_app, request.script_root))


@bp.get("/docs")
@viewers
def docs() -> str:
    return render_template("docs.html")


def document(app: Flask, root: str = "") -> dict[str, Any]:
    """The document as values for JSON; `root` is the prefix that the service is served under, or empty."""
    operations = [
        (rule, method, view.operation, view.__doc__ or "")
        for rule in app.url_map.iter_rules()
        if hasattr(view := app.view_functions[rule.endpoint], "operation")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    types: list[Any] = [schemas.Refusal, schemas.InvalidRequest]
    types += [kind for _, _, op, _ in operations for kind in (op.answer, op.body) if kind]
    refs, definitions = TypeAdapter.json_schemas(
        [(repr(kind), "validation", TypeAdapter(kind)) for kind in types], ref_template=REFS
    )
    schema = {name: value for (name, _), value in refs.items()}
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, op, doc in operations:
        path = sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation(rule, op, doc, schema)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Job queue",
            "version": __version__,
            "description": "Jobs are PENDING, then RUNNING, then COMPLETED or FAILED.",
        },
        **({"servers": [{"url": root}]} if root else {}),
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],  # or none: without credentials in the settings, or with a session
    }


def _operation(rule: Rule, op: Operation, doc: str, schema: dict[str, Any]) -> dict[str, Any]:
    summary, _, more = " ".join(doc.split()).partition(". ")
    parsed = bool(op.body or op.query or op.key)
    refuses = sorted({*op.refuses, 422} if parsed else op.refuses)
    success: dict[str, Any] = {"description": "Done", "content": _json(schema[repr(op.answer)])}
    repeats = op.key and op.status == 201
    if op.headers:
        success["headers"] = {
            name: {"description": meaning, "schema": {"type": "integer"}} for name, meaning in op.headers
        }
    described: dict[str, Any] = {
        "operationId": rule.endpoint.rpartition(".")[2],
        "summary": summary.removesuffix("."),
        "description": more,
        "parameters": [
            *map(_path_parameter, sorted(rule.arguments)),
            *_query_parameters(op.query),
            *([_key_parameter(op.key)] if op.key else ()),
        ],
        "responses": {
            **({"200": success | {"description": "What the first request with this key made"}} if repeats else {}),
            str(op.status): success,
            **{
                str(code): {"description": REFUSALS[code][0], "content": _json(schema[repr(REFUSALS[code][1])])}
                for code in refuses
            },
            "default": {"description": "Refused, as HTTP says", "content": _json(schema[repr(schemas.Refusal)])},
        },
    }
    if op.body:
        body = schema[repr(op.body)]
        described["requestBody"] = {
            "required": op.body_required,
            "content": _json(body if op.body_required else {"anyOf": [body, {"type": "null"}]}),
        }
    return described


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameters(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    whole = TypeAdapter(model).json_schema(ref_template=REFS)
    required = whole.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _given(schema, whole.get("$defs", {})),
            **({"style": "form", "explode": True} if schema.get("type") == "array" else {}),
        }
        for name, schema in whole["properties"].items()
    ]


def _given(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """What a value may be when it is there: a query has no null, it leaves out."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    name = kinds[0].get("$ref", "").rpartition("/")[2]
    told = {key: value for key, value in schema.items() if key != "anyOf" and value is not None}
    return {"title": name, **(definitions.get(name, kinds[0]) if len(kinds) == 1 else {"anyOf": kinds}), **told}


def _key_parameter(key: Key) -> dict[str, Any]:
    return {
        "name": KEY_HEADER,
        "in": "header",
        "required": False,
        "description": f"{key.form}. {key.does}",
        "schema": {"type": "string", "pattern": f"^{key.pattern}$", "examples": [key.example]},
    }
