"""A worker of the client against a small server that plays the queue: what it claims, keeps, loses and reports."""

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from dashboard.client import Fail, Job, Jobs, LeaseLost, NotUnderstood, Refused, Release, Retry
from tests.support.local_server import Asked, LocalServer, Reply, reply
from tests.support.waiting import eventually

BUSY = reply({"detail": "busy"}, 503)


class Queue(LocalServer):
    """Jobs that are there to be claimed, and what was reported of them. A test may answer a call in its own way."""

    def __init__(self, jobs: int = 0) -> None:
        super().__init__(self._reply)
        self.ready = [self.job(f"job-{n}") for n in range(jobs)]
        self.own: Callable[[Asked], Reply | None] = lambda asked: self.usual(asked)
        self.under: dict[str, list[Any]] = {}  # by key
        self.ended: list[Any] = []  # items, but for heartbeats

    def job(self, job_id: str, attempt: int = 1) -> dict[str, Any]:
        return {"id": job_id, "type": "t", "payload": {"n": 1}, "priority": 0, "attempt": attempt}

    def _reply(self, asked: Asked) -> Reply | None:
        return self.own(asked)

    def usual(self, asked: Asked) -> Reply:
        if asked.path == "/jobs/claim":
            if asked.key not in self.under:
                limit, until = int(asked.query["limit"][0]), monotonic() + float(asked.query["wait"][0])
                while not self.ready and monotonic() < until and asked.key not in self.under and not self.pause(0.02):
                    pass
                if asked.key not in self.under:
                    found, self.ready = self.ready[:limit], self.ready[limit:]
                    self.under[asked.key] = [job | {"token": asked.key} for job in found]
            return reply(self.under[asked.key])
        if asked.path == "/jobs/release":  # a claim that still waits under this key gets nothing
            self.under.setdefault(asked.query["token"][0], [])
        if asked.path == "/jobs/report":
            self.ended += [item for item in asked.body if item["action"] != "heartbeat"]
            return reply([{"id": item["id"], "status": 200} for item in asked.body])
        return reply([])

    def calls(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    def beats(self) -> list[Any]:
        """The items of heartbeats that were sent."""
        return [item for asked in self.calls("/jobs/report") for item in asked.body if item["action"] == "heartbeat"]


def is_heartbeat(asked: Asked) -> bool:
    return asked.path == "/jobs/report" and asked.body[0]["action"] == "heartbeat"


def is_end(asked: Asked) -> bool:
    return asked.path == "/jobs/report" and not is_heartbeat(asked)


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue()
    with queue:
        yield queue


@pytest.fixture
def work(queue: Queue) -> Iterator[Callable[..., "Working"]]:
    """Begin to work with this function, in the background."""
    begun: list[Working] = []

    def work(function: Callable[[Job], Any], run: dict[str, Any] | None = None, **worker: Any) -> Working:
        begun.append(Working(queue, function, run or {}, worker))
        return begun[-1]

    yield work
    for each in begun:
        each.jobs.stop()
        each.jobs.stop()
        each.thread.join(30)
        each.jobs.close()
        assert not each.thread.is_alive()


class Working:
    """A run of a worker in a thread."""

    def __init__(
        self, queue: Queue, function: Callable[[Job], Any], run: dict[str, Any], worker: dict[str, Any]
    ) -> None:
        self.jobs = Jobs(queue.url, token="a-token")
        self.raised: BaseException | None = None
        self.jobs.worker(*worker.pop("types", ("t",)), **{"lease": 30, "name": "w", **worker})(function)
        self.returned: bool | None = None
        self._options = run
        self.start()

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.returned = self.jobs.run(**self._options)
        except BaseException as error:
            self.raised = error

    def ended(self) -> "Working":
        self.thread.join(30)
        assert not self.thread.is_alive(), "run() returns"
        return self


Work = Callable[..., Working]


# ---- Claims


def test_it_claims_for_its_free_slots_alone_and_each_claim_has_a_new_key(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job(f"job-{n}") for n in range(5)]
    goes_on = threading.Event()
    work(lambda job: goes_on.wait(30) and None, slots=3, attempts=4, types=("t", "u"))
    eventually(lambda: len(queue.under) == 1 and len(queue.asked) == 1, "it claimed")
    assert queue.asked[0].query | {"wait": []} == {
        **{"type": ["t", "u"], "lease": ["30"], "limit": ["3"], "worker": ["w"], "attempts": ["4"], "wait": []}
    }
    assert queue.asked[0].headers["authorization"] == "Bearer a-token"
    goes_on.set()
    eventually(lambda: len(queue.ended) == 5, "all are done")
    assert max(int(asked.query["limit"][0]) for asked in queue.calls("/jobs/claim")) == 3
    keys = [asked.key for asked in queue.calls("/jobs/claim")]
    assert len(set(keys)) == len(keys)


def test_a_claim_without_an_answer_is_repeated_with_its_key_and_its_jobs_are_confirmed_before_they_begin(
    queue: Queue, work: Work
) -> None:
    queue.ready = [queue.job("lost"), queue.job("held")]
    answers: list[Reply | None] = [None, BUSY]
    begun: list[str] = []

    def own(asked: Asked) -> Reply | None:
        usual = queue.usual(asked)
        if asked.path == "/jobs/claim" and answers:
            return answers.pop(0)
        if is_heartbeat(asked) and not begun:
            assert [item["id"] for item in asked.body] == ["lost", "held"]
            return reply(
                [{"id": "lost", "status": 409, "detail": "Lease lost: it ran out"}, {"id": "held", "status": 200}]
            )
        return usual

    queue.own = own
    work(lambda job: begun.append(job.id), slots=2)
    eventually(lambda: queue.ended, "one is done")
    assert begun == ["held"]
    assert len({asked.key for asked in queue.asked[:3]}) == 1


def test_after_a_key_whose_jobs_have_ended_it_takes_another(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job("job")]
    answers = [None, reply({"detail": "The runs under this key have ended: use a new key"}, 409)]
    queue.own = lambda asked: answers.pop(0) if answers else queue.usual(asked)
    work(lambda job: None, run={"drain": True}).ended()
    assert [item["id"] for item in queue.ended] == ["job"]
    keys = [asked.key for asked in queue.calls("/jobs/claim")]
    assert keys[0] == keys[1] != keys[2]


def test_a_claim_that_waited_for_long_is_confirmed_too(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job("job")]

    def own(asked: Asked) -> Reply | None:
        if asked.path == "/jobs/claim" and queue.ready:
            queue.pause(1.1)  # more than a third of the lease
        return queue.usual(asked)

    queue.own = own
    work(lambda job: None, lease=3)
    eventually(lambda: queue.ended, "it is done")
    assert [is_heartbeat(asked) for asked in queue.calls("/jobs/report")][:2] == [True, False]


@pytest.mark.parametrize("status", [401, 403, 422])
def test_a_server_that_refuses_the_claims_ends_the_run_when_what_runs_has_ended(
    queue: Queue, work: Work, status: int
) -> None:
    queue.ready = [queue.job("job")]
    refused = threading.Event()

    def own(asked: Asked) -> Reply | None:
        if asked.path == "/jobs/claim" and not queue.ready:
            refused.set()
            return reply({"detail": "no"}, status)
        return queue.usual(asked)

    def function(job: Job) -> None:
        assert refused.wait(30)

    queue.own = own
    raised = work(function, slots=2).ended().raised
    assert isinstance(raised, Refused)
    assert raised.status == status
    assert [item["action"] for item in queue.ended] == ["complete"]


@pytest.mark.parametrize("answer", [{"id": "a", "type": "t"}, {}, None, ["x"], [{"id": "a"}], "x"])
def test_a_claim_that_is_answered_in_another_form_as_by_a_server_without_leases_ends_the_run(
    queue: Queue, work: Work, answer: Any
) -> None:
    queue.own = lambda asked: reply(answer)
    assert isinstance(work(lambda job: None).ended().raised, NotUnderstood)


@pytest.mark.parametrize("answer", [None, {}, [], [1], [{"status": 200}] * 2])
def test_a_report_that_is_answered_in_another_form_is_repeated(queue: Queue, work: Work, answer: Any) -> None:
    queue.ready = [queue.job("job")]
    answers: list[Reply | None] = [reply(answer)]
    queue.own = lambda asked: answers.pop(0) if is_end(asked) and answers else queue.usual(asked)
    work(lambda job: None, run={"drain": True}).ended()
    assert [item["action"] for item in queue.ended] == ["complete"]


# ---- Ends


def raises(error: BaseException) -> Any:
    raise error


ENDS: dict[str, tuple[Callable[[Job], Any], dict[str, Any]]] = {
    "a dict": (lambda job: {"n": job.payload["n"]}, {"action": "complete", "result": {"n": 1}}),
    "nothing": (lambda job: None, {"action": "complete", "result": None}),
    "Retry": (lambda job: raises(Retry("429", in_seconds=30)), {"action": "fail", "reason": "429", "retry_in": 30}),
    "Retry with the backoff": (lambda job: raises(Retry("4")), {"action": "fail", "reason": "4", "retry_in": None}),
    "Fail": (lambda job: raises(Fail("corrupt")), {"action": "fail", "reason": "corrupt", "retry_in": "never"}),
    "a reason that no server takes": (
        lambda job: raises(Fail("x\0y\ud800")),
        {"action": "fail", "reason": "x\ufffdy?", "retry_in": "never"},
    ),
    "Retry in the past": (lambda job: raises(Retry("x", -1)), {"action": "fail", "reason": "x", "retry_in": 0}),
    "Retry in a thousand years": (
        lambda job: raises(Retry("x", float("inf"))),
        {"action": "fail", "reason": "x", "retry_in": 2_592_000},
    ),
    "Retry of a text": (
        lambda job: raises(Retry("x", "30")),  # type: ignore[arg-type]
        {"action": "fail", "reason": "ValueError: in_seconds is a number of seconds, not '30'"},
    ),
    "Retry of NaN": (
        lambda job: raises(Retry("x", float("nan"))),
        {"action": "fail", "reason": "ValueError: in_seconds is a number of seconds, not nan"},
    ),
    "Release in the past": (lambda job: raises(Release(in_seconds=-3)), {"action": "release", "in": 0}),
    "Release": (lambda job: raises(Release(in_seconds=5)), {"action": "release", "in": 5}),
    "an error": (lambda job: raises(ValueError("x")), {"action": "fail", "reason": "ValueError: x"}),
    "a long error": (
        lambda job: raises(KeyError("x" * 9_999)),
        {"action": "fail", "reason": f"KeyError: '{'x' * 989}"},
    ),
    "exit": (lambda job: raises(SystemExit(3)), {"action": "fail", "reason": "SystemExit: 3"}),
    "a list": (lambda job: [], {"action": "fail", "reason": "TypeError: the result is a list, not a dict"}),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_the_function_does_is_what_is_reported_and_the_slot_goes_on(queue: Queue, work: Work, name: str) -> None:
    function, item = ENDS[name]
    queue.ready = [queue.job("first"), queue.job("second")]
    work(lambda job: function(job) if job.id == "first" else None, run={"drain": True}).ended()
    token = next(jobs[0]["token"] for jobs in queue.under.values() if jobs)
    assert queue.ended[0] == {"id": "first", "token": token, **item}
    assert [item["id"] for item in queue.ended] == ["first", "second"]


def test_a_report_without_an_answer_is_repeated(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job("job")]
    answers: list[Reply | None] = [None, BUSY, reply({"detail": "who?"}, 401), reply([])._replace(cut=1)]
    queue.own = lambda asked: answers.pop(0) if is_end(asked) and answers else queue.usual(asked)
    work(lambda job: {"n": 1}, run={"drain": True}).ended()
    assert [item["result"] for item in queue.ended] == [{"n": 1}]
    assert answers == []


@pytest.mark.parametrize("status", [413, 422])
def test_a_result_that_the_server_does_not_take_fails_the_job_for_good(queue: Queue, work: Work, status: int) -> None:
    queue.ready = [queue.job("job")]
    answers: list[Reply | None] = [reply({"detail": "too much"}, status)]
    queue.own = lambda asked: answers.pop(0) if is_end(asked) and answers else queue.usual(asked)
    work(lambda job: {"n": 1}, run={"drain": True}).ended()
    assert [(item["action"], item["retry_in"]) for item in queue.ended] == [("fail", "never")]
    assert f"{status}: too much" in queue.ended[0]["reason"]


def test_another_report_that_the_server_does_not_take_is_a_failure_that_is_tried_again(
    queue: Queue, work: Work
) -> None:
    queue.ready = [queue.job("job")]
    answers: list[Reply | None] = [reply({"detail": "what?"}, 422)]
    queue.own = lambda asked: answers.pop(0) if is_end(asked) and answers else queue.usual(asked)
    work(lambda job: raises(Release()), run={"drain": True}).ended()
    assert [(item["action"], item["retry_in"]) for item in queue.ended] == [("fail", None)]


# ---- Leases


def until_lost(job: Job) -> None:
    assert job.wait_until_lost(30)
    job.check()


def test_one_call_prolongs_the_leases_of_all_slots_and_takes_the_progress_along(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job("a"), queue.job("b")]
    ends = threading.Event()

    def function(job: Job) -> None:
        job.progress(42.9 if job.id == "a" else 300, "page 21" if job.id == "a" else "x" * 300)  # type: ignore[arg-type]
        ends.wait(30)

    work(function, slots=2, lease=3)
    eventually(lambda: queue.beats(), "they are prolonged")
    ends.set()
    first = {item["id"]: item for item in queue.beats()[:2]}
    assert {key: first["a"][key] for key in ("lease", "progress", "message")} == {
        **{"lease": 3, "progress": 42, "message": "page 21"}
    }
    assert (first["b"]["progress"], first["b"]["message"]) == (100, "x" * 200)
    assert len(next(asked for asked in queue.asked if is_heartbeat(asked)).body) == 2


def test_a_message_that_the_server_does_not_take_costs_no_lease(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job("job")]
    beaten = threading.Event()

    def own(asked: Asked) -> Reply | None:
        if is_heartbeat(asked) and "message" in asked.body[0]:
            return reply({"detail": [{"msg": "no"}]}, 422)
        if is_heartbeat(asked):
            beaten.set()
        return queue.usual(asked)

    def function(job: Job) -> None:
        job.progress(1, "m")
        assert beaten.wait(30)

    queue.own = own
    work(function, lease=3, run={"drain": True}).ended()
    assert [item["action"] for item in queue.ended] == ["complete"]


LATE = 0.95  # seconds: such an answer comes after the first lease's end, and before the heartbeat's timeout


@pytest.mark.parametrize("how", ["refused", "unanswered", "busy", "late"])
def test_a_job_that_is_lost_is_told_to_stop_and_never_reported(queue: Queue, work: Work, how: str) -> None:
    queue.ready = [queue.job("job")]

    def own(asked: Asked) -> Reply | None:
        if not is_heartbeat(asked):
            return queue.usual(asked)
        if how == "refused":
            return reply([{"id": "job", "status": 409, "detail": "Lease lost: the job was called off"}])
        if how == "late":
            queue.pause(LATE)
            return queue.usual(asked)
        return BUSY if how == "busy" else None

    why: list[str] = []

    def function(job: Job) -> Any:
        try:
            until_lost(job)
        except LeaseLost as error:
            why.append(str(error))
        return {"it": "goes on all the same"}

    queue.own = own
    work(function, lease=1, run={"drain": True}).ended()
    assert why == ["Lease lost: the job was called off" if how == "refused" else "no heartbeat was answered in time"]
    assert queue.ended == []


def test_a_job_whose_next_attempt_begins_beside_its_lost_one_keeps_its_lease(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job("job", attempt=1)]
    first_ends, second_ends = threading.Event(), threading.Event()

    def own(asked: Asked) -> Reply | None:
        usual = queue.usual(asked)
        if is_heartbeat(asked) and asked.body[0]["token"] == first_token():
            queue.ready = [queue.job("job", attempt=2)]
            return reply([{"id": "job", "status": 409, "detail": "Lease lost"}])
        return usual

    def first_token() -> str:
        return str(next(jobs[0]["token"] for jobs in queue.under.values() if jobs))

    def function(job: Job) -> None:
        (first_ends if job.attempt == 1 else second_ends).wait(30)

    queue.own = own
    work(function, slots=2, lease=3)
    eventually(lambda: len([jobs for jobs in queue.under.values() if jobs]) == 2, "the second attempt began")
    first_ends.set()
    beats = len(queue.beats())
    eventually(lambda: len(queue.beats()) > beats + 1, "the second one is prolonged after the end of the first")
    second_ends.set()
    eventually(lambda: queue.ended, "it is done")
    assert [item["token"] == first_token() for item in queue.ended] == [False]


# ---- The end


@pytest.mark.parametrize(("grace", "stops"), [(30, 1), (0, 1), (0.5, 1), (30, 2)])
def test_a_stop_breaks_off_the_open_claim_and_releases_its_key_twice(
    queue: Queue, work: Work, grace: float, stops: int
) -> None:
    working = work(lambda job: None, grace=grace)
    eventually(lambda: queue.calls("/jobs/claim"), "a claim waits")
    for _ in range(stops):
        working.jobs.stop()
    working.ended()
    key = queue.asked[0].key
    assert [asked.query["token"] for asked in queue.calls("/jobs/release")] == [[key]] * 2
    assert len(queue.calls("/jobs/claim")) == 1


def test_a_stop_that_comes_with_the_answer_of_a_claim_leaves_no_job_behind(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job("job")]
    begun: list[str] = []
    workers: list[Working] = []

    def own(asked: Asked) -> Reply | None:
        if asked.path == "/jobs/claim":
            eventually(lambda: workers, "it is there to be stopped")[0].jobs.stop()
        return queue.usual(asked)

    queue.own = own
    workers.append(work(lambda job: begun.append(job.id)))
    workers[0].ended()
    if begun:  # the answer was faster than the stop: it had its grace
        assert [item["action"] for item in queue.ended] == ["complete"]
    else:
        assert len(queue.calls("/jobs/release")) == 2


def test_a_stop_before_the_run_claims_nothing(queue: Queue) -> None:
    with Jobs(queue.url) as jobs:
        jobs.worker("t")(lambda job: None)
        jobs.stop()
        jobs.run()
    assert queue.calls("/jobs/claim") == []


def test_heartbeats_go_on_while_the_running_jobs_end_after_a_stop(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job("job")]
    begun, ends, told = threading.Event(), threading.Event(), []

    def function(job: Job) -> None:
        begun.set()
        eventually(lambda: job.stopping, "it is told")
        told.append(job.stopping)
        ends.wait(30)

    working = work(function, lease=3)
    assert begun.wait(30)
    working.jobs.stop()
    eventually(lambda: told, "the job was told")
    beats = len(queue.beats())
    eventually(lambda: len(queue.beats()) > beats + 1, "heartbeats go on")
    ends.set()
    working.ended()
    assert [item["action"] for item in queue.ended] == ["complete"]
    assert len(queue.calls("/jobs/claim")) == 1


@pytest.mark.parametrize("how", ["the grace is over", "a second stop"])
def test_what_still_runs_is_given_back_and_not_reported(queue: Queue, work: Work, how: str) -> None:
    queue.ready = [queue.job("job")]
    begun = threading.Event()

    def function(job: Job) -> Any:
        begun.set()
        until_lost(job)

    working = work(function, grace=0.1 if how == "the grace is over" else 60)
    assert begun.wait(30)
    working.jobs.stop()
    if how == "a second stop":
        working.jobs.stop()
    working.ended()
    assert [item["action"] for item in queue.ended] == ["release"]


def test_drain_ends_when_there_is_nothing_and_what_runs_may_create_more(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job("parent")]

    def function(job: Job) -> None:
        if job.id == "parent":
            eventually(lambda: len(queue.calls("/jobs/claim")) > 1, "the other slot found nothing")
            queue.ready = [queue.job("child")]

    work(function, slots=2, run={"drain": True}).ended()
    assert [item["id"] for item in queue.ended] == ["parent", "child"]
    assert {asked.query["wait"][0] for asked in queue.calls("/jobs/claim")} == {"0.0"}


def test_once_is_one_job(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job(f"job-{n}") for n in range(3)]
    work(lambda job: None, slots=2, run={"once": True}).ended()
    assert [item["id"] for item in queue.ended] == ["job-0"]


def test_each_run_begins_anew(queue: Queue) -> None:
    seen: list[str] = []
    with Jobs(queue.url) as jobs:
        jobs.worker("t", slots=2)(lambda job: seen.append(job.id))
        for number in range(3):
            queue.ready.append(queue.job(f"once-{number}"))
            assert jobs.run(once=True)
        queue.ready.append(queue.job("drained"))
        assert jobs.run(drain=True)
        claims = len(queue.calls("/jobs/claim"))
        assert seen == ["once-0", "once-1", "once-2", "drained"]
        assert [item["action"] for item in queue.ended] == ["complete"] * 4
        queue.ready.append(queue.job("nobody-claims-it"))
        assert jobs.create_many([]) == []
    assert len(queue.calls("/jobs/claim")) == claims


def test_after_a_stop_a_run_begins_anew_and_says_whether_it_was_stopped(queue: Queue, work: Work) -> None:
    queue.ready = [queue.job("first")]
    working = work(lambda job: None)
    for number in (1, 2):
        eventually(lambda: len(queue.ended) == number, "it works")  # noqa: B023
        working.jobs.stop()
        assert working.ended().returned is False
        if number == 1:
            queue.ready = [queue.job("second")]
            working.start()
    assert [item["id"] for item in queue.ended] == ["first", "second"]


def test_a_second_run_beside_the_first_is_an_error(queue: Queue, work: Work) -> None:
    working = work(lambda job: None)
    eventually(lambda: queue.calls("/jobs/claim"), "it runs")
    with pytest.raises(RuntimeError, match="under way in another thread"):
        working.jobs.run()


def test_a_run_without_a_worker_and_a_decorator_without_parentheses_are_errors(queue: Queue) -> None:
    with Jobs(queue.url) as jobs:
        with pytest.raises(RuntimeError, match="no worker to run"):
            jobs.run()
        with pytest.raises(TypeError, match=r"@jobs.worker\(\)"):
            jobs.worker(lambda job: None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("slots", value) for value in (0, 2.5, "3")),
        *(("lease", value) for value in (0, "60", 0.5, 86_401)),
        *(("attempts", value) for value in (0, 101, "5")),
        *(("grace", value) for value in (-1, "30", float("nan"))),
    ],
)
def test_what_no_worker_can_have_is_an_error_at_once(queue: Queue, name: str, value: Any) -> None:
    with Jobs(queue.url) as jobs, pytest.raises(ValueError, match=rf"^{name} is .* not {value!r}$"):
        jobs.worker("t", **{name: value})
