"""What a program writes, as far as it is kept."""

import json
from typing import Any

PART = 32_000  # bytes of the beginning and of the end that are kept of a long output
WHOLE = 1_000_000  # bytes of a result; a server takes no more, unless it is set otherwise


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
        lines = self.text().split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def json_object(self) -> dict[str, Any] | None:
        """Where all of it is one JSON object."""
        if self._size > self._most:
            return None
        try:
            value = json.loads(self._begin, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


def _text(data: bytes) -> str:
    return data.decode(errors="replace").replace("\0", "\ufffd")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
