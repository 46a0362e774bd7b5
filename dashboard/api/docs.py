"""What the API page shows: the OpenAPI document by groups of calls, each call with lines for a shell."""

import json
import shlex
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

Schema = dict[str, Any]


class Call(NamedTuple):
    method: str
    path: str
    told: Schema  # the document's Operation Object
    curls: list[str]  # the shortest call, and one with everything that has an example


def context(document: Schema, url: str, asks_for_token: bool) -> dict[str, Any]:
    """`url` is that of the service, without a slash at its end."""
    calls = [
        Call(method.upper(), path, told, _curls(document, method.upper(), f"{url}{path}", told, asks_for_token))
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
    return {
        "document": document,
        "url": url,
        "groups": [(tag, [call for call in calls if tag["name"] in call.told["tags"]]) for tag in document["tags"]],
        "bounds": bounds,
        "pretty": partial(json.dumps, indent=2),
    }


def bounds(schema: Schema) -> str:
    """The least and the most that a value may be or have, in words; empty where there is no bound."""
    unit = {"string": " characters", "array": " items"}.get(schema["type"], "")
    least, most = (
        next((schema[name] for name in names if name in schema), None)
        for names in (("minimum", "minLength", "minItems"), ("maximum", "maxLength", "maxItems"))
    )
    if least is None:
        return f"at most {most:,}{unit}" if most is not None else ""
    return f"at least {least:,}{unit}" if most is None else f"{least:,} to {most:,}{unit}"


def _curls(document: Schema, method: str, url: str, told: Schema, asks_for_token: bool) -> list[str]:
    lines = [_curl(document, method, url, told, asks_for_token, everything) for everything in (False, True)]
    return list(dict.fromkeys(lines))


def _curl(document: Schema, method: str, url: str, told: Schema, asks_for_token: bool, everything: bool) -> str:
    given = {
        place: [
            (each["name"], example)
            for each in told["parameters"]
            if each["in"] == place and (everything or each["required"])
            if (example := _example(document, each["schema"])) is not None
        ]
        for place in ("query", "header")
    }
    query = urlencode(given["query"], doseq=True)
    # In double quotes, so that the shell puts the id in.
    address = f'"{url.replace("{job_id}", "$ID")}{"?" * bool(query)}{query}"'
    parts = [f"curl {address}" if method == "GET" else f"curl -X {method} {address}"]
    if asks_for_token:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in given["header"]]
    body = told.get("requestBody")
    if body and (everything or body["required"]):
        example = _example(document, body["content"]["application/json"]["schema"])
        parts += [f"-H {shlex.quote('Content-Type: application/json')}", f"-d {shlex.quote(json.dumps(example))}"]
    return " \\\n  ".join(parts)


def _example(document: Schema, schema: Schema) -> Any:
    """A value of this schema, if it has one to show."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    values = [*schema.get("examples", ()), *schema.get("enum", ())]
    return values[0] if values else schema.get("const")
