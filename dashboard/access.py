"""Who may do what: viewers read, operators act. Without any credential everybody is an operator.

Scripts send `Authorization: Bearer TOKEN`; people sign in: see sessions.py. What somebody may do is looked up at each
request, so a setting that changed counts at once.
"""

from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from flask import Blueprint, Flask, Request, current_app, make_response, redirect, render_template, request, url_for
from werkzeug import Response
from werkzeug.exceptions import Forbidden, Unauthorized
from werkzeug.security import check_password_hash, generate_password_hash

from dashboard import attempts, sessions
from dashboard.config import HASHES, Credential, Role, Settings
from dashboard.current import this_request
from dashboard.forms import SignInForm
from dashboard.security import SAFE_METHODS

NOT_ASKED = {"assets.static", "health.healthz", "health.readyz"}  # who asks is nothing to them
OPEN_TO_ALL = {"access.sign_in", "access.sign_out"}
ASKS_TO_ACT = {"pages.new", "pages.ask", "fragments.new", "fragments.ask"}  # reads that only lead to an act
NOBODY = generate_password_hash("nobody")  # so that an unknown name takes as long as a known one

ROLE, USER = "dashboard.role", "dashboard.user"  # where the request's environ has who asks

bp = Blueprint("access", __name__)


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
    return not _access().is_open


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


def _access() -> Access:
    access: Access = current_app.extensions["access"]
    return access


@bp.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Response:
    if _access().is_open:
        return redirect(url_for("pages.jobs"))
    if not _access().users:
        raise Forbidden("Nobody can sign in here: there are tokens for scripts, and no USERS")
    form = SignInForm(request.form, next=request.args.get("next", ""))
    if request.method == "POST" and form.validate():
        name = form.name.data or ""
        if wait := attempts.begin(name, request.remote_addr or ""):
            form.password.errors = [f"Too many wrong passwords: try again in {wait} s"]
            response = _form(form, 429)
            response.headers["Retry-After"] = str(wait)
            return response
        if _password_is_right(name, form.password.data or ""):
            attempts.succeeded(name, request.remote_addr or "")
            sessions.begin(_access().users[name])
            return redirect(_on_this_site(form.next.data or ""), 303)
        form.password.errors = ["The name or the password is wrong"]
    return _form(form, 422 if request.method == "POST" else 200)


def _form(form: SignInForm, status: int) -> Response:
    return make_response(render_template("sign_in.html", form=form), status)


@bp.post("/sign-out")
def sign_out() -> Response:
    if _access().users:
        sessions.end()
    return redirect(url_for("access.sign_in"), 303)


def _password_is_right(name: str, password: str) -> bool:
    user = _access().users.get(name)
    secret = user.secret if user else NOBODY
    if secret.startswith(HASHES):
        return check_password_hash(secret, password) and user is not None
    check_password_hash(NOBODY, password)  # as slow as a hash
    return compare_digest(sha256(password.encode()).digest(), sha256(secret.encode()).digest())


def _on_this_site(place: str) -> str:
    """Where one was, if it is a path of ours: `//host` and `/\\host` are another site to a browser."""
    is_path = place.startswith("/") and not place.startswith(("//", "/\\")) and place.isprintable()
    return place if is_path else url_for("pages.jobs")
