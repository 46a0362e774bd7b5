"""The OpenAPI 3.1 document, made from the routes and their operations, and the page that shows it."""

from re import sub
from typing import Any

from flask import Blueprint, Flask, Response, current_app, render_template, request
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from dashboard import __version__
from dashboard.api import schemas
from dashboard.api.description import REFS, describe
from dashboard.api.docs import context
from dashboard.http.answers import json_response
from dashboard.security import access
from dashboard.security.access import readers, viewers

# The operations of each blueprint are one group, in this order.
TAGS = {
    "api": {"name": "jobs", "description": "Create jobs, read them, run them again"},
    "bulk": {"name": "bulk", "description": "Do the same to many jobs"},
    "claims": {"name": "claims", "description": "Take a job: without a lease until somebody ends it, or with one"},
    "runs": {"name": "runs", "description": "Say how a job goes, and end it"},
    "workers": {"name": "workers", "description": "Who holds jobs"},
    "pause": {"name": "pause", "description": "Stop all claims, and start them again"},
    "activity": {"name": "activity", "description": "Who did what"},
}

bp = Blueprint("openapi", __name__)


@bp.get("/openapi.json")
@readers
def openapi() -> Response:
    return json_response(_document())


@bp.get("/docs")
@viewers
def docs() -> str:
    return render_template(
        "docs/page.html", **context(_document(), request.url_root.rstrip("/"), access.asks_for_token())
    )


def _document() -> dict[str, Any]:
    return document(current_app, request.script_root, access.asks_for_token())


class _Schemas(GenerateJsonSchema):
    """A property with a default is one that a generated TypeScript client has to send. So a body tells of none."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        return value  # as declared: it would sort the keys of the examples too

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def document(app: Flask, root: str = "", asks_for_token: bool = False) -> dict[str, Any]:
    """The document as values for JSON; `root` is the prefix that the service is served under, or empty."""
    paths, definitions = _described(app)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Job queue",
            "version": __version__,
            "description": "Jobs are PENDING, then RUNNING, then COMPLETED or FAILED.",
            "contact": {"name": "The job queue dashboard's authors"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": root or "/"}],
        "tags": list(TAGS.values()),
        "paths": paths,
        "components": {
            "schemas": definitions,
            **({"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}} if asks_for_token else {}),
        },
        "security": [{"token": []}] if asks_for_token else [],
    }


def _described(app: Flask) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The paths and the schemas. They depend on the routes alone, so an application makes them once, in 40 ms."""
    if "openapi" not in app.extensions:
        app.extensions["openapi"] = _describe_all(app)
    described: tuple[dict[str, dict[str, Any]], dict[str, Any]] = app.extensions["openapi"]
    return described


def _describe_all(app: Flask) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    operations = [
        (rule, method, view.operation, view.__doc__ or "")
        for rule in app.url_map.iter_rules()
        if hasattr(view := app.view_functions[rule.endpoint], "operation")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    types: list[Any] = [schemas.Refusal, schemas.InvalidRequest]
    types += [kind for _, _, op, _ in operations for kind in (op.answer, op.body) if kind]
    refs, definitions = TypeAdapter.json_schemas(
        [(repr(kind), "validation", TypeAdapter(kind)) for kind in types],
        ref_template=REFS,
        schema_generator=_Schemas,
    )
    schema = {name: value for (name, _), value in refs.items()}
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, op, doc in operations:
        path = sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        tag = TAGS[rule.endpoint.partition(".")[0]]["name"]
        paths.setdefault(path, {})[method.lower()] = describe(rule, op, doc, tag, schema)
    return paths, definitions["$defs"]
