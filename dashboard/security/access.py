"""Who may do what: viewers read, operators act. Without any credential everybody is an operator.

Scripts send `Authorization: Bearer TOKEN`; people sign in: see sessions.py. What somebody may do is looked up at each
request, so a setting that changed counts at once.
"""

from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Any, NamedTuple, TypeVar

from flask import Flask, Request, current_app, request
from werkzeug.exceptions import Forbidden, Unauthorized

from dashboard.config import Credential, Role, Settings
from dashboard.current import this_request
from dashboard.security import sessions
from dashboard.security.cross_site import SAFE_METHODS

NOT_ASKED = {"assets.static", "health.healthz", "health.readyz"}  # who asks is nothing to them

OPEN_TO_ALL = {"access.sign_in", "access.sign_out"}

ASKS_TO_ACT = {"pages.new", "pages.ask", "fragments.new", "fragments.ask"}  # reads that only lead to an act

ROLE, USER = "dashboard.role", "dashboard.user"  # where the request's environ has who asks


EVERYONE = frozenset({None, *Role})  # None is a client without a credential

VIEWERS = frozenset({Role.VIEWER, Role.OPERATOR})

OPERATORS = frozenset({Role.OPERATOR})

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


def operators(view: View) -> View:
    """Open this view to operators only."""
    return _open(view, OPERATORS)


def _open(view: View, roles: frozenset[Role | None]) -> View:
    view.roles = roles  # type: ignore[attr-defined]
    return view


class Access(NamedTuple):
    users: dict[str, Credential]
    tokens: tuple[Credential, ...]

    @property
    def is_open(self) -> bool:
        return not (self.users or self.tokens)


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["access"] = Access({user.name: user for user in settings.users}, settings.tokens)
    sessions.init_app(app, settings)
    app.add_template_global(may_act)
    app.add_template_global(signed_in_as)
    app.add_template_global(asks_for_token)


def may_act() -> bool:
    return this_request().environ.get(ROLE) is Role.OPERATOR


def asks_for_token() -> bool:
    """Whether a script has to send one."""
    return not credentials().is_open


def signed_in_as() -> str | None:
    """The name of who signed in with a password; None for a token, and where all is open."""
    name: str | None = request.environ.get(USER)
    return name


def guard(app: Flask, request: Request) -> None:
    """Refuse what whoever asks may not do."""
    if request.endpoint in NOT_ASKED:
        return
    request.environ[ROLE] = role = _role(app.extensions["access"], request)
    if request.endpoint in OPEN_TO_ALL:
        return
    if role is None:
        raise Unauthorized("Sign in, or send a token: Authorization: Bearer …")
    acts = request.method not in SAFE_METHODS or request.endpoint in ASKS_TO_ACT
    if acts and role is not Role.OPERATOR:
        raise Forbidden("A viewer may look at the jobs, and change nothing")


def _role(access: Access, request: Request) -> Role | None:
    if access.is_open:
        return Role.OPERATOR
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        sent = sha256(token.strip().encode()).digest()
        matches = [each for each in access.tokens if compare_digest(sent, sha256(each.secret.encode()).digest())]
        return matches[0].role if matches else None
    user = sessions.user(access.users) if access.users else None
    request.environ[USER] = user and user.name
    return user.role if user else None


def credentials() -> Access:
    access: Access = current_app.extensions["access"]
    return access
