"""Which roles may use which view.

A decorator on the view names them. A view without one is open to operators where it writes, and to viewers where it
reads. Without any credential in the settings, every client is an operator.

A script sends `Authorization: Bearer TOKEN`; a person signs in (see sessions.py). The role is looked up for each
request, so a changed setting counts at once.
"""

from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Any, NamedTuple, TypeVar

from flask import Flask, Request, current_app, request
from flask.globals import request_ctx
from werkzeug.exceptions import Forbidden, NotFound, Unauthorized

from dashboard.config import Credential, Role, Settings
from dashboard.core.who import Via, Who
from dashboard.security import sessions
from dashboard.security.cross_site import SAFE_METHODS
from dashboard.services import activity

EVERYONE = frozenset({None, *Role})  # None is a client without a credential

VIEWERS = frozenset({Role.VIEWER, Role.OPERATOR})

READERS = frozenset({Role.VIEWER, Role.OPERATOR, Role.WORKER})

WORKERS = frozenset({Role.OPERATOR, Role.WORKER})

OPERATORS = frozenset({Role.OPERATOR})

NOT_ALLOWED = {
    Role.VIEWER: "A viewer may look at the jobs, and change nothing",
    Role.WORKER: "A worker may create, read, claim, report, release and end jobs by the API, and nothing else",
}

ROLE, USER, TOKEN = "dashboard.role", "dashboard.user", "dashboard.token"  # keys of the request's environ

View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Open this view to everyone."""
    return _open(view, EVERYONE)


def public_without_database(view: View) -> View:
    """Open this view to everyone, also while the database cannot be reached: no session is looked up."""
    view.needs_database = False  # type: ignore[attr-defined]
    return public(view)


def viewers(view: View) -> View:
    """Open this view to viewers and operators."""
    return _open(view, VIEWERS)


def readers(view: View) -> View:
    """Open this view to viewers, operators and workers: what a worker reads."""
    return _open(view, READERS)


def workers(view: View) -> View:
    """Open this view to operators and workers: what a worker does all day."""
    return _open(view, WORKERS)


def operators(view: View) -> View:
    """Open this view to operators only."""
    return _open(view, OPERATORS)


def _open(view: View, roles: frozenset[Role | None]) -> View:
    view.roles = roles  # type: ignore[attr-defined]
    return view


class Credentials(NamedTuple):
    users: dict[str, Credential]
    tokens: tuple[Credential, ...]

    @property
    def is_open(self) -> bool:
        return not (self.users or self.tokens)


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["credentials"] = Credentials({user.name: user for user in settings.users}, settings.tokens)
    sessions.init_app(app, settings)
    app.add_template_global(may_act)
    app.add_template_global(signed_in_as)
    app.add_template_global(caller, "caller_name")
    app.add_template_global(caller_role)
    app.add_template_global(asks_for_token)


def may_act() -> bool:
    return request.environ.get(ROLE) is Role.OPERATOR


def caller_role() -> Role | None:
    """The client's role; where no credential is needed, an operator's."""
    found: Role | None = request.environ.get(ROLE)
    return found


def may_see() -> bool:
    return request.environ.get(ROLE) in VIEWERS


def asks_for_token() -> bool:
    """Whether a script has to send one."""
    return not credentials().is_open


def signed_in_as() -> str | None:
    """The name that signed in with a password; None for a token, and where no credential is needed."""
    name: str | None = request.environ.get(USER)
    return name


def token_name() -> str | None:
    """The name of the token that was sent; None for a person, and where no credential is needed."""
    name: str | None = request.environ.get(TOKEN)
    return name


def caller() -> str | None:
    """The name of the person or of the token; None where no credential is needed."""
    return signed_in_as() or token_name()


def who(via: Via = Via.API) -> Who:
    """The client of this request, who came by this door."""
    environ = request_ctx.request.environ  # itself: see checks.py
    role = None if credentials().is_open else environ.get(ROLE)
    return Who(environ.get(USER) or environ.get(TOKEN), role, via)


def needs_database(view: Callable[..., Any] | None) -> bool:
    return getattr(view, "needs_database", True)


def check(app: Flask, request: Request, view: Callable[..., Any] | None) -> None:
    """Look up the client's role, and reject the request where the view is not open to it."""
    request.environ[ROLE] = role = _role(app.extensions["credentials"], request)
    default = VIEWERS if request.method in SAFE_METHODS else OPERATORS
    # It names the methods of an address, of which each has its own view.
    others = READERS if request.method == "OPTIONS" else frozenset()
    if role in getattr(view, "roles", default) | others:
        return
    if role is None:
        raise Unauthorized("Sign in, or send a token: Authorization: Bearer …")
    if isinstance(request.routing_exception, NotFound):
        return  # it is told that there is no such address
    # Of a method that the address has not the client chose the text.
    what = f"{request.method} {request.url_rule.rule}" if request.url_rule else "no such method"
    activity.refused(who(Via.API if request.environ.get(TOKEN) else Via.DASHBOARD), what)
    raise Forbidden(NOT_ALLOWED[role])


def _role(credentials: Credentials, request: Request) -> Role | None:
    if credentials.is_open:
        return Role.OPERATOR
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        sent = sha256(token.strip().encode()).digest()
        matches = [each for each in credentials.tokens if compare_digest(sent, sha256(each.secret.encode()).digest())]
        request.environ[TOKEN] = matches[0].name if matches else None
        return matches[0].role if matches else None
    user = sessions.user(credentials.users) if credentials.users else None
    request.environ[USER] = user and user.name
    return user.role if user else None


def credentials() -> Credentials:
    found: Credentials = current_app.extensions["credentials"]
    return found
