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
        # The socket of gevent would wait for data, so its file descriptor is asked.
        same = _socket.socket(fileno=connection.fileno())
    except OSError:
        return False  # it was closed
    try:
        return bool(same.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True  # nothing was sent meanwhile
    except OSError:
        return False
    finally:
        same.detach()  # the descriptor stays the connection's
