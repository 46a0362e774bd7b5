"""The client of a request, while it waits for its answer."""

import select
from collections.abc import Mapping
from typing import Any

from gevent import monkey

_poll = monkey.get_original("select", "poll")  # it does not wait, so no other greenlet needs to run meanwhile

_CLOSED = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


def is_there(environ: Mapping[str, Any]) -> bool:
    """Whether its connection is still open. Where the server does not show the socket, it is taken to be."""
    connection = environ.get("gunicorn.socket")
    if connection is None:
        return True
    if connection.fileno() < 0:
        return False
    events = _poll()
    events.register(connection.fileno(), _CLOSED)
    return not events.poll(0)
