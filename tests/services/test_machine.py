"""A state machine drives two processes on one database, through restarts of either, beside a plain model."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dashboard.app import create_app
from dashboard.core import claim_queue
from dashboard.core.errors import ActionRefusedError, JobNotFoundError, NoPendingJobsError
from dashboard.database.schema import jobs
from dashboard.database.transactions import reading, writing
from dashboard.services import claims
from dashboard.services import jobs as job_service
from dashboard.store import counts, listing
from tests.support.app import dispose

pytestmark = pytest.mark.hypothesis

BOUNDS = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    print_blob=True,
    phases=set(Phase) - {Phase.explain},  # it traces every line, and an application has many
    suppress_health_check=[HealthCheck.too_slow],
)
RULES = {
    "process": (("PENDING",), "RUNNING"),
    "complete": (("RUNNING",), "COMPLETED"),
    "fail": (("PENDING", "RUNNING"), "FAILED"),
}
WINDOW = claim_queue.WINDOW
processes = st.sampled_from((0, 1))


@dataclass
class Model:
    id: str
    priority: int
    status: str = "PENDING"
    result: str | None = None


class TwoProcesses(RuleBasedStateMachine):
    """Each application is what one process is; `in_order` says whether claims promise one order to both."""

    def __init__(self, environ: dict[str, str], in_order: bool) -> None:
        super().__init__()
        self.environ = environ
        self.in_order = in_order
        self.apps = [create_app(self.environ), create_app(self.environ)]
        self.jobs: list[Model] = []

    @initialize(window=st.sampled_from((3, WINDOW)))
    def hold(self, window: int) -> None:
        """How much of the order a queue holds: with a small window the few jobs here need many refills."""
        for module in (claim_queue, claims):
            patch.object(module, "WINDOW", window).start()

    def teardown(self) -> None:
        patch.stopall()
        for app in self.apps:
            dispose(app)

    @rule(process=processes)
    def restart(self, process: int) -> None:
        dispose(self.apps[process])
        self.apps[process] = create_app(self.environ)

    @rule(process=processes, priorities=st.lists(st.integers(0, 3), min_size=1, max_size=9))
    def create(self, process: int, priorities: list[int]) -> None:
        for priority in priorities:
            with self.apps[process].app_context():
                job = job_service.create("machine", None, priority)
            self.jobs.append(Model(job.id, priority))

    @rule(process=processes, times=st.integers(1, 6))
    def claim(self, process: int, times: int) -> None:
        with self.apps[process].app_context():
            for _ in range(times):
                self._claim()
            own = claims.claim_queue()
        assert own is None or own.cursor is not None, "the claim did not ask the process's own queue"

    def _claim(self) -> None:
        pending = self._pending()
        if pending:
            claimed = claims.claim()
            job = pending[0] if self.in_order else next(job for job in pending if job.id == claimed.id)
            job.status = "RUNNING"
            assert (claimed.id, claimed.status) == (job.id, "RUNNING")
        else:
            with pytest.raises(NoPendingJobsError):
                claims.claim()

    @precondition(lambda self: self.jobs)
    @rule(process=processes, action=st.sampled_from(sorted(RULES)), number=st.integers(0))
    def act(self, process: int, action: str, number: int) -> None:
        job = self.jobs[number % len(self.jobs)]
        sources, target = RULES[action]
        if job.status in sources:
            job.result = {"complete": '{"n":1}', "fail": '{"reason":"broken"}'}.get(action)
            job.status = target
            self._act(process, action, job.id)
        else:
            with pytest.raises(ActionRefusedError, match=f"it is {job.status}"):
                self._act(process, action, job.id)

    @rule(process=processes, action=st.sampled_from(sorted(RULES)))
    def act_on_nothing(self, process: int, action: str) -> None:
        with pytest.raises(JobNotFoundError):
            self._act(process, action, str(uuid4()))

    @rule(process=processes)
    def look_at_the_queue(self, process: int) -> None:
        with self.apps[process].app_context(), reading() as tx:
            entries, total = claims.queue_snapshot(tx, limit=3)
        waiting = [entry.id for entry in entries if entry.status == "PENDING"]
        assert total >= len(entries)
        if self.in_order:
            assert waiting == [job.id for job in self._pending()[: len(waiting)]]

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0), newest=st.booleans())
    def delete(self, number: int, newest: bool) -> None:
        """Another program takes a job out of the table."""
        job = self.jobs.pop(-1 if newest else number % len(self.jobs))
        with self.apps[0].app_context(), writing() as tx:
            tx.execute(jobs.delete().where(jobs.c.id == job.id))

    @invariant()
    def the_table_and_the_tally_are_the_model(self) -> None:
        with self.apps[0].app_context(), reading() as tx:
            table = listing.newest(tx, None, 1_000)
            tally = counts.counts(tx)
        assert [Model(job.id, job.priority, job.status, job.result) for job in reversed(table)] == self.jobs
        statuses = [job.status for job in self.jobs]
        assert list(tally[:4]) == [statuses.count(status) for status in ("PENDING", "RUNNING", "COMPLETED", "FAILED")]

    def _pending(self) -> list[Model]:
        return sorted((job for job in self.jobs if job.status == "PENDING"), key=lambda job: -job.priority)

    def _act(self, process: int, action: str, job_id: str) -> None:
        with self.apps[process].app_context():
            if action == "process":
                job_service.process(job_id)
            elif action == "complete":
                job_service.complete(job_id, '{"n":1}')
            else:
                job_service.fail(job_id, "broken")


def test_no_job_is_stranded_behind_a_window_when_the_newest_is_deleted(sqlite_url: str) -> None:
    machine = TwoProcesses({"DATABASE_URL": sqlite_url}, in_order=True)
    machine.hold(window=3)
    machine.create(0, [0] * 9)
    machine.claim(0, times=1)
    machine.delete(0, newest=True)
    machine.claim(0, times=8)
    machine.teardown()


def drive(url: str, empty: Callable[[], object], in_order: bool = True, **environ: str) -> None:
    def start() -> TwoProcesses:
        empty()
        return TwoProcesses({"DATABASE_URL": url, **environ}, in_order)

    run_state_machine_as_test(start, settings=BOUNDS)  # type: ignore[arg-type]  # it calls it, a class or not


def test_two_processes_on_sqlite_are_the_model(sqlite_url: str, migrated_sqlite: Path) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    # Nothing has the file open between two examples, so there is no log beside it.
    drive(sqlite_url, lambda: shutil.copy(migrated_sqlite, path))


def test_two_processes_on_postgresql_are_the_model(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        drive(postgres_url, lambda: connection.execute("DELETE FROM jobs"))
