"""Why a job failed: what is stored of it, and the key by which failures for the same reason are one group."""

import re
from typing import NamedTuple

from dashboard.core.job import json_text

REASON_MAX = 1_000  # characters of a reason that lists and searches have; the job's result has all of it
KEY_MAX = 200

# What differs from one failure to the next for the same reason. The mark itself counts as a part of a word, so that a
# key is its own key.
_VARIABLE = re.compile(
    r"""
    "[^"]*" | `[^`]*` | (?<![\w#])'[^']*'(?![\w#])                 # quoted strings; not the apostrophe of "can't"
    | [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12} # UUIDs
    | \b(?:0x[0-9a-f]+ | (?=[a-f]*[0-9])[0-9a-f]{6,})\b            # hex
    | \d+(?:[.,:]\d+)*                                             # numbers, versions, times, addresses
    """,
    re.VERBOSE | re.IGNORECASE,
)


class Success(NamedTuple):
    """What is stored of a success: the job's result as JSON text."""

    result: str | None


class Failure(NamedTuple):
    """What is stored of a failure: the job's result as JSON text, the reason as text, and its key."""

    result: str | None
    reason: str | None
    reason_key: str


def failure(reason: str | None) -> Failure:
    """Of a job that fails for this reason; an empty one is none."""
    if not reason:
        return Failure(None, None, "")
    return Failure(json_text({"reason": reason}), reason[:REASON_MAX], reason_key(reason))


def reason_key(reason: str) -> str:
    """The first line with `#` for numbers, UUIDs, hex and quoted strings; empty where there is none.

    The key of a key is that key, so a filter takes either.
    """
    lines = reason.strip()[:REASON_MAX].splitlines()
    key, shorter = "", _shortened(lines[0]) if lines else ""
    while key != shorter:
        key, shorter = shorter, _shortened(shorter)
    return key


def _shortened(line: str) -> str:
    return " ".join(_VARIABLE.sub("#", line).split())[:KEY_MAX].strip()
