"""What a program writes, as far as it is kept."""

import json
import re
from typing import Any

from dashboard.client import json_bytes

PART = 32_000  # bytes of the beginning and of the end that are kept of a long output
WHOLE = 1_000_000  # bytes of a request; a server takes no more, unless it is set otherwise
ENVELOPE = 1_000  # bytes of them that are not the result
DEPTH = 190  # levels of a result; a server takes 200 in a request


class Captured:
    """Bytes: all of them up to `most`, then the beginning and the end."""

    def __init__(self, most: int = 2 * PART) -> None:
        self._most = most
        self._begin, self._end = bytearray(), bytearray()
        self._size = 0

    def add(self, data: bytes) -> None:
        free = self._most - len(self._begin)
        self._begin += data[:free]
        self._end += data[free:]
        del self._end[:-PART]
        self._size += len(data)

    def text(self) -> str:
        """The first and the last 32 kB."""
        kept = bytes(self._begin + self._end)
        if self._size <= 2 * PART:
            return _text(kept)
        return f"{_text(kept[:PART])}\n[… {self._size - 2 * PART} bytes …]\n{_text(kept[-PART:])}"

    def last_line(self) -> str:
        lines = re.split("[\r\n]", self.text())  # a bar of progress is written over itself
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def json_object(self) -> dict[str, Any] | None:
        """Where all of it is one JSON object that a server takes."""
        if self._size > self._most:
            return None
        try:
            value = json.loads(self._begin, parse_constant=_refuse)
            is_taken = isinstance(value, dict) and len(json_bytes(value)) <= WHOLE - ENVELOPE and _fits(value, DEPTH)
        except (ValueError, RecursionError):
            return None
        return value if is_taken else None


def _text(data: bytes) -> str:
    return data.decode(errors="replace").replace("\0", "\ufffd")


def _fits(value: Any, levels: int) -> bool:
    """Whether it has no more levels of objects and arrays."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return parts is None or (levels > 0 and all(_fits(each, levels - 1) for each in parts))


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
