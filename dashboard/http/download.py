"""Jobs as a file, CSV or NDJSON, which is made while it is sent."""

import csv
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from io import StringIO
from itertools import chain
from typing import Any

from flask import Response, current_app

from dashboard.core.run import FullJob
from dashboard.http.answers import json_bytes
from dashboard.services import export
from dashboard.store.selection import Selection

Slices = Iterable[list[FullJob]]


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"


MEDIA_TYPES = {Format.CSV: "text/csv", Format.NDJSON: "application/x-ndjson"}

# A spreadsheet takes a cell that begins so for a formula, also in full-width characters (OWASP, "CSV Injection").
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001


def download(sought: Selection, form: Format) -> Response:
    """All jobs of a filter with all their keys, the oldest first.

    The first slice is read before the answer begins: what cannot be read then is refused as elsewhere. Where a later
    one cannot be read the file has no end and the server cuts the connection.
    """
    slices = export.slices(current_app._get_current_object(), sought)  # type: ignore[attr-defined]
    parts = _WRITERS[form](chain([next(slices)], slices))
    kind = f"{MEDIA_TYPES[form]}; charset=utf-8" if form is Format.CSV else MEDIA_TYPES[form]
    return Response(parts, content_type=kind, headers={"Content-Disposition": f'attachment; filename="jobs.{form}"'})


def _ndjson(slices: Slices) -> Iterator[bytes]:
    for jobs in filter(None, slices):
        yield b"".join(json_bytes(job) + b"\n" for job in jobs)


def _csv(slices: Slices) -> Iterator[bytes]:
    yield _lines([FullJob._fields])
    for jobs in filter(None, slices):
        yield _lines([map(_cell, job) for job in jobs])


def _lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """A number stays one; a text that would be a formula begins with an apostrophe; a time is as in JSON."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return value.isoformat() if hasattr(value, "isoformat") else value


_WRITERS: dict[Format, Callable[[Slices], Iterator[bytes]]] = {Format.CSV: _csv, Format.NDJSON: _ndjson}
