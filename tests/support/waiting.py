"""Waiting for what happens in another thread, process or browser: the one place where tests sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], what: str, within: float = 30) -> T:
    """Wait until check() is true and return what it says; fail with `what` after `within` seconds.

    The longer it has waited, the less often it checks: what is waited for needs the processor.
    """
    begun = time.monotonic()
    while not (value := check()):
        waited = time.monotonic() - begun
        assert waited < within, f"waited {within} s in vain: {what}"
        time.sleep(min(0.01 + waited / 20, 0.2))
    return value
