"""Every action, after every way in which a run was left, with the token of that run, another one, and none."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.transitions import TRANSITIONS, Action
from dashboard.ops.housekeeper import keep
from tests.support.app import MakeApp
from tests.support.calls import call
from tests.support.leases import check_invariants, pass_time

HEARTBEAT = "heartbeat"
ENDS = (Action.COMPLETE, Action.FAIL, Action.RELEASE)
OTHER = "the-token-of-another-job"


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Iterator[Flask]:
    app = make_app(database_url, LEASE_GRACE="0")
    with app.app_context():
        yield app
        check_invariants()


class Tried:
    """A job, and the calls that are made about it."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        self._app, self._client = app, client
        self.id = call(client, "POST /jobs", 201, json={"type": "t"})["id"]
        self.token = f"token-{self.id}"

    def act(self, action: str, status: int = 200, token: str | None = None, more: str = "", key: str = "") -> Any:
        query = f"token={token}{more}" if token else more
        headers = {"Idempotency-Key": key} if key else {}
        return call(self._client, f"POST /jobs/{self.id}/{action}?{query}", status, headers=headers)

    def begin(self, more: str = "") -> None:
        self.act("process", more=f"lease=60{more}", key=self.token)

    def expire(self) -> None:
        pass_time(61)
        keep(self._app)

    def now(self) -> Any:
        return call(self._client, f"GET /jobs/{self.id}?full=1", 200)


def never_begun(job: Tried) -> None:
    pass


def begun_without_a_lease(job: Tried) -> None:
    job.act("process")


def is_open(job: Tried) -> None:
    job.begin()


def expired(job: Tried) -> None:
    job.begin()
    job.expire()


def expired_and_to_be_tried_again(job: Tried) -> None:
    job.begin("&attempts=9")
    job.expire()


def called_off(job: Tried) -> None:
    job.begin()
    job.act(Action.FAIL)


def completed(job: Tried) -> None:
    job.begin()
    job.act(Action.COMPLETE, token=job.token)


def failed(job: Tried) -> None:
    job.begin()
    job.act(Action.FAIL, token=job.token)


def failed_and_to_be_tried_again(job: Tried) -> None:
    job.begin("&attempts=9")
    job.act(Action.FAIL, token=job.token)


def released(job: Tried) -> None:
    job.begin()
    job.act(Action.RELEASE, token=job.token)


# How the run was left, and the action of its holder that ended it, if one did.
LEFT: dict[Callable[[Tried], None], Action | None] = {
    never_begun: None,
    begun_without_a_lease: None,
    is_open: None,
    expired: None,
    expired_and_to_be_tried_again: None,
    called_off: None,
    completed: Action.COMPLETE,
    failed: Action.FAIL,
    failed_and_to_be_tried_again: Action.FAIL,
    released: Action.RELEASE,
}


def expected(leave: Callable[[Tried], None], status: str, action: str, whose: str) -> int:
    """The status of the answer to this action on a job in this status."""
    if whose == "same":
        return 200 if leave is is_open or action == LEFT[leave] else 409
    if whose == "another":
        return 409
    if action in (HEARTBEAT, Action.RELEASE):
        return 422  # without a token there is no such call
    if leave is is_open and action == Action.COMPLETE:
        return 409
    return 200 if status in TRANSITIONS[Action(action)].sources else 400


@pytest.mark.parametrize("leave", LEFT)
def test_only_the_holder_s_token_moves_a_leased_job_and_a_repeat_changes_nothing(
    app: Flask, client: FlaskClient, leave: Callable[[Tried], None]
) -> None:
    for action in (HEARTBEAT, *ENDS):
        for whose in ("same", "another", "none"):
            job = Tried(app, client)
            leave(job)
            before = job.now()
            status = expected(leave, before["status"], action, whose)
            job.act(action, status, {"same": job.token, "another": OTHER, "none": None}[whose])
            changes = status == 200 and (whose == "none" or leave is is_open)
            assert (job.now() != before) == changes, (action, whose)
            if changes and action != HEARTBEAT:
                assert job.now()["status"] == TRANSITIONS[Action(action)].target
