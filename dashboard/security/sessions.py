"""Sessions: a signed cookie names the user, and a row in the database says that the session has not ended.

So a sign-out ends the session in every process at once, also for a copy of the cookie. A lookup is one query by key.
"""

from datetime import timedelta
from hmac import compare_digest, digest
from secrets import token_urlsafe

from flask import Flask, current_app, session
from sqlalchemy import bindparam, delete, or_, select

from dashboard.config import Credential, Settings
from dashboard.core.activity import Did
from dashboard.core.job import utc_now
from dashboard.core.who import Via, Who
from dashboard.database.schema import sessions
from dashboard.database.statement import Compiled
from dashboard.database.transactions import asking, writing
from dashboard.store import activity

LASTS = timedelta(hours=12)

ID_BYTES = 16


def init_app(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key or None,  # without users there are no sessions
        # Other services on this host have cookies too. A browser accepts a cookie whose name begins with __Host- only
        # from this very host, by https.
        SESSION_COOKIE_NAME="__Host-job-queue" if settings.tls else "job-queue",
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.tls,
        PERMANENT_SESSION_LIFETIME=LASTS,
        SESSION_REFRESH_EACH_REQUEST=False,
    )


def begin(user: Credential) -> None:
    """Sign in, and end the session that this browser had."""
    now, replaced = utc_now(), session.get("id", "")
    session.clear()
    session.update(id=token_urlsafe(ID_BYTES), user=user.name, mark=_mark(user))
    session.permanent = True
    with writing() as tx:
        tx.execute(_END, {"ended": replaced, "now": now})
        tx.execute(sessions.insert(), {"id": session["id"], "ends_at": now + LASTS})
        activity.append(tx, Who(user.name, user.role, Via.DASHBOARD), Did.SIGN_IN)


def end(who: Who) -> None:
    """Sign out; `who` has a name where the session had not ended."""
    if ended := session.get("id"):
        with writing() as tx:
            tx.execute(_END, {"ended": ended, "now": utc_now()})
            if who.name:
                activity.append(tx, who, Did.SIGN_OUT)
    session.clear()


def user(users: dict[str, Credential]) -> Credential | None:
    """The user whose session this is, if the password is still the same; else None."""
    found = users.get(session.get("user", ""))
    if found is None or not compare_digest(session.get("mark", ""), _mark(found)):
        return None
    with asking() as tx:
        return found if _FIND.rows(tx, sought=session.get("id", "")) else None


def _mark(user: Credential) -> str:
    """A keyed hash of the password, kept in the cookie: it changes with the password and does not reveal it."""
    return digest(str(current_app.secret_key).encode(), user.secret.encode(), "sha256").hex()


_FIND = Compiled(select(sessions.c.id).where(sessions.c.id == bindparam("sought")))

_END = delete(sessions).where(or_(sessions.c.id == bindparam("ended"), sessions.c.ends_at < bindparam("now")))
