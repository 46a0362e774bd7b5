"""The client of a request, while it waits for its answer."""

import _socket
from collections.abc import Mapping
from typing import Any


def is_there(environ: Mapping[str, Any]) -> bool:
    """Whether its connection is still open. Where the server does not show the socket, it is taken to be."""
    connection = environ.get("gunicorn.socket")
    if connection is None:
        return True
    try:
        # Not gevent's own method, which would wait for data.
        return bool(_socket.socket.recv(connection, 1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True  # nothing was sent meanwhile
    except OSError:
        return False
