"""Waiting for what happens in another thread, process or browser: the one place where tests sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], what: str, within: float = 30) -> T:
    """Wait until check() is true and return what it says; fail with `what` after `within` seconds."""
    end = time.monotonic() + within
    while not (value := check()):
        assert time.monotonic() < end, f"waited {within} s in vain: {what}"
        time.sleep(0.02)
    return value
