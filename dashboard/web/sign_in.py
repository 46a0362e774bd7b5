"""Sign in and out."""

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug import Response
from werkzeug.exceptions import Forbidden

from dashboard.core.who import Via, Who
from dashboard.security import bodies, sessions, throttle
from dashboard.security.access import credentials, public, who
from dashboard.security.passwords import password_is_right
from dashboard.services import activity
from dashboard.web.forms import SignInForm

bp = Blueprint("access", __name__)
bp.before_request(bodies.check_short_form)


@bp.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> Response:
    if credentials().is_open:
        return redirect(url_for("pages.jobs"))
    if not credentials().users:
        raise Forbidden("Nobody can sign in here: there are tokens for scripts, and no USERS")
    form = SignInForm(request.form, next=request.args.get("next", ""))
    if request.method == "POST" and form.validate():
        name = form.name.data or ""
        if wait := throttle.begin(name, request.remote_addr or ""):
            form.password.errors = [f"Too many wrong passwords: try again in {wait} s"]
            response = _form(form, 429)
            response.headers["Retry-After"] = str(wait)
            return response
        if password_is_right(name, form.password.data or ""):
            throttle.succeeded(name, request.remote_addr or "")
            sessions.begin(credentials().users[name])
            return redirect(_on_this_site(form.next.data or ""), 303)
        user = credentials().users.get(name)
        activity.sign_in_refused(Who(user and user.name, user and user.role, Via.DASHBOARD))
        form.password.errors = ["The name or the password is wrong"]
    return _form(form, 422 if request.method == "POST" else 200)


def _form(form: SignInForm, status: int) -> Response:
    return make_response(render_template("sign_in.html", form=form), status)


@bp.post("/sign-out")
@public
def sign_out() -> Response:
    if credentials().users:
        sessions.end(who(Via.DASHBOARD))
    return redirect(url_for("access.sign_in"), 303)


def _on_this_site(place: str) -> str:
    """The place if it is a path of this site, else the jobs page: a browser takes `//host` and `/\\host` for a host."""
    is_path = place.startswith("/") and not place.startswith(("//", "/\\")) and place.isprintable()
    return place if is_path else url_for("pages.jobs")
