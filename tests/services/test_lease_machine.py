"""A state machine drives three processes with leases, retries, schedules and time that passes, beside a plain model."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import select

from dashboard.app import create_app
from dashboard.core import backoff, claim_queue
from dashboard.core.errors import (
    ActionRefusedError,
    ExpiredError,
    JobError,
    KeyUsedError,
    LeasedError,
    LeaseLostError,
    NotFinishedError,
)
from dashboard.core.job import NewJob
from dashboard.core.run import Lease
from dashboard.core.transitions import Action
from dashboard.database.schema import jobs, runs
from dashboard.database.transactions import reading
from dashboard.ops.housekeeper import keep
from dashboard.services import claims, create
from dashboard.services import jobs as job_service
from dashboard.services import runs as run_service
from dashboard.services.runs import NEVER, Beat, End, Heard
from tests.services.test_machine import BOUNDS as TWO
from tests.services.test_machine import WINDOW
from tests.support.app import dispose
from tests.support.leases import check_invariants, pass_time

# Seconds. No sum of the steps comes near the end of a lease, a delay or a backoff, so the time that a test takes does
# not matter.
STEPS, LEASE, DELAY, FIRST = (350, 700), 1_000, 500, 200
BACKOFF = backoff.FIRST
OUTCOMES = {Action.COMPLETE: "completed", Action.FAIL: "failed", Action.RELEASE: "released"}
BOUNDS = settings(TWO, max_examples=25, stateful_step_count=40)
TYPES = ("a", "b", "c")
processes = st.integers(0, 2)
some_types: st.SearchStrategy[list[str]] = st.just([]) | st.lists(
    st.sampled_from(TYPES), min_size=1, max_size=2, unique=True
)
limits = st.sampled_from((1, 1, 1, 4))
numbers = st.integers(0, 10**6)
attempts = st.sampled_from((1, 2, 3))
delays = st.sampled_from((None, 0, DELAY, NEVER))
ends = st.sampled_from(sorted(OUTCOMES))


@dataclass
class RunModel:
    token: str
    until: float
    outcome: str | None = None


@dataclass
class JobModel:
    id: str
    type: str
    priority: int
    max_attempts: int | None = None
    run_at: float | None = None
    expires_at: float | None = None
    status: str = "PENDING"
    runs: list[RunModel] = field(default_factory=list)

    @property
    def held(self) -> RunModel | None:
        return next((run for run in self.runs if run.outcome is None), None)

    @property
    def failures(self) -> int:
        return sum(run.outcome in ("failed", "expired") for run in self.runs)

    def run_of(self, token: str) -> RunModel | None:
        return next((run for run in self.runs if run.token == token), None)

    def begin(self, lease: Lease | None, now: float) -> None:
        self.status, self.run_at = "RUNNING", None
        if lease:
            self.max_attempts = self.max_attempts or lease.attempts
            self.runs.append(RunModel(lease.token, now + LEASE))

    def give_back(self, run_at: float | None) -> None:
        self.status, self.run_at, self.expires_at = "PENDING", run_at, None

    def fail(self, outcome: str, now: float, delay: float | None = None) -> None:
        assert self.held
        self.held.outcome = outcome
        if delay == NEVER or self.failures >= (self.max_attempts or 1):
            self.status = "FAILED"
        elif delay is None:
            self.give_back(now + FIRST * 2 ** (self.failures - 1) * (1 + backoff.JITTER / 2))
        else:
            self.give_back(now + delay if delay else None)

    def end(self, action: Action, delay: float | None, now: float) -> None:
        assert self.held
        if action is Action.FAIL:
            self.fail("failed", now, delay)
            return
        self.held.outcome = OUTCOMES[action]
        if action is Action.COMPLETE:
            self.status = "COMPLETED"
        else:
            self.give_back(now + delay if delay else None)


class ThreeProcesses(RuleBasedStateMachine):
    """Each application is what one process is; their queues are warm, and each claim gets the best ready job."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.environ = {"DATABASE_URL": url, "LEASE_GRACE": "0"}
        self.apps = [create_app(self.environ) for _ in range(3)]
        self.jobs: list[JobModel] = []
        self.tokens = ["token-of-nothing"]
        self.now = 0.0

    @initialize(window=st.sampled_from((3, WINDOW)))
    def hold(self, window: int) -> None:
        for module in (claim_queue, claims):
            patch.object(module, "WINDOW", window).start()
        backoff.FIRST = FIRST
        self.create(0, [(TYPES[number % 3], number % 4, number == 1, False, number % 3 + 1) for number in range(8)])
        for process in range(3):
            self.claim(process, [], 1)  # now its queue knows the others

    def teardown(self) -> None:
        patch.stopall()
        backoff.FIRST = BACKOFF
        for app in self.apps:
            dispose(app)

    # ---- What the model says

    def settle(self) -> None:
        for job in self.jobs:
            if job.held and job.held.until <= self.now:
                job.fail("expired", self.now)
            if job.status == "PENDING" and job.expires_at is not None and job.expires_at <= self.now:
                job.status = "FAILED"
            if job.run_at is not None and job.run_at <= self.now and job.status == "PENDING":
                job.run_at = None

    def ready(self, types: list[str]) -> list[JobModel]:
        found = [job for job in self.jobs if job.status == "PENDING" and job.run_at is None]
        return sorted((job for job in found if not types or job.type in types), key=lambda job: -job.priority)

    def under(self, token: str) -> list[JobModel]:
        held = [job for job in self.jobs if job.held and job.held.token == token]
        return sorted(held, key=lambda job: -job.priority)

    def pick(self, number: int) -> JobModel:
        """Any job; one that is held more often."""
        choice = [*[job for job in self.jobs if job.held] * 3, *self.jobs]
        return choice[number % len(choice)]

    def token(self, job: JobModel, number: int) -> str:
        """One of the job's own, the last one more often, or another one."""
        known = [run.token for run in job.runs]
        return [*known, *known[-1:] * 3, self.tokens[number % len(self.tokens)]][
            number % (len(known) + 1 + 3 * bool(known))
        ]

    def lease(self, number: int, attempts: int, *, is_new: bool) -> Lease:
        if is_new:
            self.tokens.append(f"token-number-{len(self.tokens):08}")
        return Lease(LEASE, self.tokens[-1 if is_new else number % len(self.tokens)], "w", attempts)

    # ---- Time and processes

    @rule(seconds=st.sampled_from(STEPS))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        with self.apps[0].app_context():
            pass_time(seconds)

    @rule(process=processes)
    def keep_house(self, process: int) -> None:
        with self.apps[process].app_context():
            keep(self.apps[process])
        self.settle()

    @rule(process=processes)
    def restart(self, process: int) -> None:
        dispose(self.apps[process])
        self.apps[process] = create_app(self.environ)

    # ---- Create

    @rule(
        process=processes,
        items=st.lists(
            st.tuples(st.sampled_from(TYPES), st.integers(0, 3), st.booleans(), st.booleans(), st.none() | attempts),
            min_size=1,
            max_size=5,
        ),
    )
    def create(self, process: int, items: list[tuple[str, int, bool, bool, int | None]]) -> None:
        span = timedelta(seconds=DELAY)
        new = [
            NewJob(name, None, priority, span if later else None, span if expires else None, most)
            for name, priority, later, expires, most in items
        ]
        with self.apps[process].app_context():
            made = create.create_many(new)
        for job, (name, priority, later, expires, most) in zip(made, items, strict=True):
            run_at, expires_at = (self.now + DELAY if each else None for each in (later, expires))
            self.jobs.append(JobModel(job.id, name, priority, most, run_at, expires_at))

    @rule(process=processes, number=numbers)
    def retry(self, process: int, number: int) -> None:
        job = self.pick(number)
        with self.apps[process].app_context():
            if job.status in ("COMPLETED", "FAILED"):
                again = job_service.retry(job.id)
                assert again.retry_of == job.id
                self.jobs.append(JobModel(again.id, job.type, job.priority))
            else:
                with pytest.raises(NotFinishedError):
                    job_service.retry(job.id)

    # ---- Claim

    @rule(process=processes, types=some_types, limit=limits)
    def claim(self, process: int, types: list[str], limit: int) -> None:
        with self.apps[process].app_context():
            claimed = claims.claim_many(limit, types)
        self.settle()
        self.check_claimed([job.id for job in claimed], types, limit, None)

    @rule(
        process=processes,
        types=some_types,
        limit=limits,
        attempts=attempts,
        number=numbers,
        is_new=st.booleans(),
    )
    def claim_by_lease(
        self, process: int, types: list[str], limit: int, attempts: int, number: int, is_new: bool
    ) -> None:
        lease = self.lease(number, attempts, is_new=is_new)
        with self.apps[process].app_context():
            if any(job.run_of(lease.token) for job in self.jobs):
                if held := self.under(lease.token):
                    answered = claims.lease(limit, types, lease, is_key=True)
                    assert [each.job.id for each in answered] == [job.id for job in held]
                else:
                    with pytest.raises(KeyUsedError):
                        claims.lease(limit, types, lease, is_key=True)
                return
            claimed = claims.lease(limit, types, lease, is_key=True)
        self.settle()
        self.check_claimed([each.job.id for each in claimed], types, limit, lease)
        assert [each.job.attempt for each in claimed] == [len(self.find(each.job.id).runs) for each in claimed]

    def check_claimed(self, ids: list[str], types: list[str], limit: int, lease: Lease | None) -> None:
        best = self.ready(types)[:limit]
        assert ids == [job.id for job in best]
        for job in best:
            job.begin(lease, self.now)

    def find(self, job_id: str) -> JobModel:
        return next(job for job in self.jobs if job.id == job_id)

    @rule(process=processes, number=numbers, attempts=attempts, is_leased=st.booleans())
    def process(self, process: int, number: int, attempts: int, is_leased: bool) -> None:
        job = self.pick(number)
        lease = self.lease(number, attempts, is_new=True) if is_leased else None

        def call() -> object:
            return claims.process(job.id, lease, is_key=True) if lease else job_service.process(job.id)

        with self.apps[process].app_context():
            if job.status != "PENDING":
                with pytest.raises(ActionRefusedError):
                    call()
            elif job.expires_at is not None and job.expires_at <= self.now:
                with pytest.raises(ExpiredError):
                    call()
            else:
                call()
                job.begin(lease, self.now)

    # ---- End, with a token and without

    @rule(process=processes, number=numbers, other=numbers, action=ends, delay=delays)
    def end(self, process: int, number: int, other: int, action: Action, delay: float | None) -> None:
        job = self.pick(number)
        call = self.call(job, self.token(job, other), action, delay)
        with self.apps[process].app_context():
            if self.refuses(job, call):
                with pytest.raises(LeaseLostError):
                    run_service.end(call)
            else:
                self.carry_out(job, call)
                assert run_service.end(call).status == job.status

    @rule(process=processes, number=numbers, other=numbers, progress=st.none() | st.integers(0, 100))
    def beat(self, process: int, number: int, other: int, progress: int | None) -> None:
        job = self.pick(number)
        call = Beat(job.id, self.token(job, other), progress=progress)
        with self.apps[process].app_context():
            if self.refuses(job, call):
                with pytest.raises(LeaseLostError):
                    run_service.heartbeat(call)
            else:
                self.carry_out(job, call)
                heard = run_service.heartbeat(call)
                assert isinstance(heard, Heard)
                assert heard.attempt == len(job.runs)

    @rule(
        process=processes,
        calls=st.dictionaries(numbers, st.tuples(numbers, st.none() | ends, delays), min_size=1, max_size=6),
    )
    def report(self, process: int, calls: dict[int, tuple[int, Action | None, float | None]]) -> None:
        reported: dict[str, End | Beat] = {}
        for number, (other, action, delay) in calls.items():
            job = self.pick(number)
            token = self.token(job, other)
            reported[job.id] = Beat(job.id, token) if action is None else self.call(job, token, action, delay)
        with self.apps[process].app_context():
            answers = run_service.report(list(reported.values()))
        for call, answer in zip(reported.values(), answers, strict=True):
            job = self.find(call.id)
            assert isinstance(answer, LeaseLostError) == self.refuses(job, call)
            if answer is None:
                self.carry_out(job, call)

    @rule(process=processes, number=numbers, delay=st.sampled_from((0, DELAY)))
    def release_all(self, process: int, number: int, delay: float) -> None:
        token = self.tokens[number % len(self.tokens)]
        held = self.under(token)
        with self.apps[process].app_context():
            given_back = run_service.release_all(token, delay)
        assert {job.id for job in given_back} == {job.id for job in held}
        for job in held:
            job.end(Action.RELEASE, delay, self.now)

    def call(self, job: JobModel, token: str, action: Action, delay: float | None) -> End:
        if action is Action.RELEASE:
            delay = DELAY if delay == NEVER else delay or 0
        return End(job.id, token, action, delay=None if action is Action.COMPLETE else delay)

    def refuses(self, job: JobModel, call: End | Beat) -> bool:
        run = job.run_of(call.token)
        if run is None:
            return True
        return run.outcome is not None and (isinstance(call, Beat) or run.outcome != OUTCOMES[call.action])

    def carry_out(self, job: JobModel, call: End | Beat) -> None:
        run = job.run_of(call.token)
        assert run
        if isinstance(call, Beat):
            run.until = self.now + LEASE
        elif run.outcome is None:
            job.end(call.action, call.delay, self.now)

    @rule(process=processes, number=numbers, action=st.sampled_from((Action.COMPLETE, Action.FAIL)))
    def end_without_token(self, process: int, number: int, action: Action) -> None:
        job = self.pick(number)
        refusal: type[JobError] | None = None
        if job.status not in (("RUNNING",) if action is Action.COMPLETE else ("PENDING", "RUNNING")):
            refusal = ActionRefusedError
        elif action is Action.COMPLETE and job.held:
            refusal = LeasedError

        def act() -> object:
            call: Callable[[str, str | None], object] = getattr(job_service, action)
            return call(job.id, None)

        with self.apps[process].app_context():
            if refusal:
                with pytest.raises(refusal):
                    act()
                return
            act()
        if job.held:
            job.held.outcome = "taken"
        job.status = "COMPLETED" if action is Action.COMPLETE else "FAILED"

    # ---- What holds after each step

    @invariant()
    def the_tables_are_the_model(self) -> None:
        with self.apps[0].app_context():
            check_invariants()
            with reading() as tx:
                found = tx.execute(select(jobs).order_by(jobs.c.seq)).all()
                attempts: dict[int, list[Any]] = {row.seq: [] for row in found}
                for run in tx.execute(select(runs).order_by(runs.c.seq, runs.c.attempt)):
                    attempts[run.seq].append((run.token, run.outcome))
        table = [(row.id, row.status, row.max_attempts, row.run_at is None, attempts[row.seq]) for row in found]
        assert table == [
            (job.id, job.status, job.max_attempts, job.run_at is None, [(run.token, run.outcome) for run in job.runs])
            for job in self.jobs
        ]


def drive(url: str, empty: Callable[[], object]) -> None:
    def start() -> ThreeProcesses:
        empty()
        return ThreeProcesses(url)

    run_machine(start, settings=BOUNDS)  # type: ignore[arg-type]  # it calls it, a class or not


def test_three_processes_on_sqlite_are_the_model(sqlite_url: str, migrated_sqlite: Path) -> None:
    drive(sqlite_url, lambda: shutil.copy(migrated_sqlite, sqlite_url.removeprefix("sqlite:///")))


def test_three_processes_on_postgresql_are_the_model(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        drive(postgres_url, lambda: connection.execute("DELETE FROM jobs"))
