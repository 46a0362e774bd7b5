"""Calls that block run in a real thread where the service runs in greenlets, so that the other greenlets go on."""

from collections.abc import Callable

from gevent import get_hub, monkey


def in_thread(function: Callable[..., None], *arguments: object) -> None:
    """Call it and wait for its end, which a greenlet that is cancelled meanwhile does too: the thread uses its data."""
    if not monkey.is_module_patched("threading"):
        function(*arguments)
        return
    running = get_hub().threadpool.spawn(_error_of, function, *arguments)
    error: BaseException | None = None
    while not running.ready():
        try:
            running.wait()
        except BaseException as cancelled:
            error = cancelled
    if error := error or running.get():
        raise error


def _error_of(function: Callable[..., None], *arguments: object) -> Exception | None:
    """What it raises, returned: gevent prints what a thread raises, and does no more where it cannot print."""
    try:
        function(*arguments)
    except Exception as error:
        return error
    return None
