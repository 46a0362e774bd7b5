"""The host names that this server answers to: DNS rebinding gets no data."""

from functools import lru_cache

from flask import Flask, Request
from werkzeug.exceptions import BadRequest
from werkzeug.sansio.utils import host_is_trusted


def refuse_other_hosts(app: Flask, request: Request) -> None:
    """A name that somebody else made point at us must get no data: DNS rebinding."""
    if not _is_ours(request.host.lower(), app.extensions["allowed_hosts"]) and request.blueprint != "health":
        raise BadRequest("This server does not answer to that host name; ALLOWED_HOSTS says to which it does")


@lru_cache
def _is_ours(host: str, names: tuple[str, ...]) -> bool:
    if host.startswith("["):  # werkzeug takes what is before the first colon of a name that is allowed
        return host.partition("]")[0] + "]" in [name.lower() for name in names] and host_is_trusted(host)
    return host_is_trusted(host, [name for name in names if not name.startswith("[")])
