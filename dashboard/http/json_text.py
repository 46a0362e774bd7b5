"""Parse one JSON text, and nothing looser."""

from typing import Any

import jiter


def parse_json(text: bytes) -> Any:
    """Parse one JSON text, and nothing looser.

    Raises ValueError, which says where, for what is no JSON: NaN, a lone surrogate, bytes that are not UTF-8, an
    object that has a key twice, nesting deeper than 200, a number with more than 4,300 digits.
    """
    return jiter.from_json(text, allow_inf_nan=False, catch_duplicate_keys=True)
