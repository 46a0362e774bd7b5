"""A recorded corpus of calls: what was sent, and what was answered, its ids and times replaced by their kind."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import httpx

KINDS = {
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}": "ID",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?": "TIME",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC": "TIME",
}
HEADERS = ("Content-Type", "X-Total-Count", "Allow")


class Exchange(NamedTuple):
    """A call and its answer. `{a}` in its path is the id that the call with `name` a was answered with."""

    call: str
    sent: str | None
    type: str  # of what is sent
    name: str | None
    varies: bool  # its values depend on others' jobs
    status: int
    headers: dict[str, str]
    answer: str


def read(path: Path) -> dict[str, list[Exchange]]:
    """The parts of a corpus by name."""
    return {name: [Exchange(*each) for each in part] for name, part in json.loads(path.read_text()).items()}


def repeat(client: httpx.Client, part: list[Exchange]) -> list[Exchange]:
    """Send the same calls, one after the other; what is answered now."""
    ids: dict[str, str] = {}
    found = []
    for each in part:
        method, path = each.call.split(" ", 1)
        headers = {"Content-Type": each.type} if each.sent is not None else {}
        answer = client.request(method, path.format_map(ids), content=each.sent, headers=headers)
        if each.name:
            ids[each.name] = answer.json()["id"]
        told = {name: _in_order(answer.headers[name]) for name in HEADERS if name in answer.headers}
        found.append(each._replace(status=answer.status_code, headers=told, answer=without_ids(answer.text)))
    return found


def _in_order(value: str) -> str:
    """The value of a header; the methods of an Allow come in no particular order."""
    return ", ".join(sorted(value.split(", ")))


def without_ids(text: str) -> str:
    for pattern, kind in KINDS.items():
        text = re.sub(pattern, kind, text)
    return text


Form = dict[tuple[str, ...], dict[str, set[str]]]


def form(answer: str) -> Form:
    """The kinds of the values of an answer's objects, by the objects' keys in their order."""
    value = json.loads(answer)
    found: Form = {}
    for each in value if isinstance(value, list) else [value]:
        kinds = found.setdefault(tuple(each), {key: set() for key in each})
        for key, inner in each.items():
            kinds[key].add(kind_of(inner))
    return found


def kind_of(value: Any) -> str:
    return value if value in KINDS.values() else type(value).__name__
