"""The host names that this server answers to.

Another site can point a name of its own at this server (DNS rebinding). A browser would then let that site's pages
read the answers; so a request under such a name is rejected.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from flask import Flask, Request
from werkzeug.exceptions import BadRequest
from werkzeug.sansio.utils import host_is_trusted

View = TypeVar("View", bound=Callable[..., Any])


def any_host(view: View) -> View:
    """Serve this view under every host name."""
    view.any_host = True  # type: ignore[attr-defined]
    return view


def check(app: Flask, request: Request, view: Callable[..., Any] | None) -> None:
    if not _is_ours(request.host.lower(), app.extensions["allowed_hosts"]) and not hasattr(view, "any_host"):
        raise BadRequest("This server does not answer to that host name; ALLOWED_HOSTS says to which it does")


@lru_cache
def _is_ours(host: str, names: tuple[str, ...]) -> bool:
    if host.startswith("["):  # host_is_trusted() would cut an allowed IPv6 address at its first colon
        return host.partition("]")[0] + "]" in [name.lower() for name in names] and host_is_trusted(host)
    return host_is_trusted(host, [name for name in names if not name.startswith("[")])
