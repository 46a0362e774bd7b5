"""One operation, as the OpenAPI document has it: made from what is declared beside its route."""

from typing import Any

from pydantic import BaseModel, TypeAdapter
from werkzeug.routing import Rule

from dashboard.api import schemas
from dashboard.api.operation import KEY_HEADER, Key, Operation

REFS = "#/components/schemas/{model}"

REFUSALS = {
    400: ("The job's status forbids it", schemas.Refusal),
    404: ("No such job, or none to claim", schemas.Refusal),
    409: ("The job is held by another, or the key belongs to something else", schemas.Refusal),
    422: ("The request is not of the form above", schemas.InvalidRequest),
    "4XX": ("Refused, as HTTP says", schemas.Refusal),
    "5XX": ("Not possible now, as HTTP says", schemas.Refusal),
}

PATH_PARAMETERS = {"job_id": "The id that its create answered"}


def describe(rule: Rule, op: Operation, doc: str, tag: str, schema: dict[str, Any]) -> dict[str, Any]:
    """`doc` is the view's docstring: a summary, and more. `schema` has that of each type, by its repr."""
    summary, _, more = " ".join(doc.split()).partition(". ")
    parsed = bool(op.body or op.query or op.key)
    refuses = [*sorted({*op.refuses, 422} if parsed else op.refuses), "4XX", "5XX"]
    success: dict[str, Any] = {"description": "Done"}
    if op.answer is not None:
        success["content"] = {kind: {"schema": schema[repr(op.answer)]} for kind in op.media_types}
    repeats = op.key and op.status == 201
    if op.headers:
        success["headers"] = {
            name: {"description": meaning, "schema": {"type": kind}} for name, kind, meaning in op.headers
        }
    described: dict[str, Any] = {
        "operationId": op.name,
        "tags": [tag],
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
        },
    }
    if op.body:
        # A plain reference also where null is taken for no body: generated clients do not understand a union here.
        described["requestBody"] = {"required": op.body_required, "content": _json(schema[repr(op.body)])}
    return described


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _path_parameter(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": PATH_PARAMETERS[name],
        "schema": {"type": "string"},
    }


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
            **_given(schema),
            **({"style": "form", "explode": True} if schema.get("type") == "array" else {}),
        }
        for name, schema in whole["properties"].items()
    ]


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """What a value means, and may be when it is there: a query has no null, it leaves out."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    told = {key: value for key, value in schema.items() if key != "anyOf" and value is not None}
    found = {**(kinds[0] if len(kinds) == 1 else {"anyOf": kinds}), **told}
    found.pop("title", None)
    return {"description": found.pop("description"), "schema": found}


def _key_parameter(key: Key) -> dict[str, Any]:
    return {
        "name": KEY_HEADER,
        "in": "header",
        "required": False,
        "description": f"{key.form}. {key.does}",
        "schema": {"type": "string", "pattern": f"^{key.pattern}$", "examples": [key.example]},
    }
