"""The JSON parser of all doors."""

from typing import Any

import jiter


def parse_json(text: bytes) -> Any:
    """The value of a JSON text.

    Raises ValueError with the position of the error for a text that is not JSON: NaN, a lone surrogate, bytes that are
    not UTF-8, an object that has a key twice, nesting deeper than 200, a number with more than 4,300 digits.
    """
    return jiter.from_json(text, allow_inf_nan=False, catch_duplicate_keys=True)
