"""A client of the job queue, and a worker, in one file: Python 3.9 or newer, nothing but the standard library.

    from dashboard.client import Jobs      # or copy this file; a server offers its own as /client.py

    jobs = Jobs("https://jobs.example.com", token="…")
    job = jobs.create("image_resize", {"width": 300}, key="order-1234")
    done = jobs.wait(job["id"], timeout=120)

    @jobs.worker("image_resize", slots=4, lease=60, attempts=3)
    def resize(job):
        for i, page in enumerate(pages):
            job.progress(100 * i // len(pages), f"page {i}")  # sends nothing: it goes along with the next heartbeat
            job.check()  # raises LeaseLost once the job is lost
        return {"url": url}

    jobs.run()  # until SIGTERM or SIGINT

A call that is safe to repeat is repeated, after a 503, a 429 or a broken connection, until `patience` is over. Creates
are safe, for each has a key; so are leased claims and whatever is sent with a token. Other calls are sent once.

Threads may share a Jobs. What a worker may rely on, and what not, is told in docs/workers.md of the project.
"""

from __future__ import annotations

import json
import logging
import os
import random
import select
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from secrets import token_urlsafe
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

VERSION = "0.2.0"

TIMEOUT = 30.0  # seconds until an answer must begin, beyond those that the call waits by itself
WAIT = 20.0  # seconds that a claim is held open
IDLE_MAX = 4.0  # seconds that a connection may be unused: the server closes it after five
BATCH_JOBS, BATCH_BYTES = 1_000, 512 * 1024  # of one request; a server takes up to 1 MiB, unless it is set otherwise
PAUSE_FIRST, PAUSE_MAX = 0.2, 30.0  # seconds between two attempts of a call
MARGIN = 5.0  # seconds before the end of a lease at which its job is told to stop; a tenth of a short lease

log = logging.getLogger("jobqueue")

Function = TypeVar("Function", bound=Callable[["Job"], Any])


class JobsError(Exception):
    """A call that failed."""


class Unanswered(JobsError):
    """No answer: the server could not be reached, or the connection broke. The call may have been carried out."""


class Refused(JobsError):
    """An answer that is no success: its `status`, and the server's `detail`, a sentence or a list of problems."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(f"{status}: {detail if isinstance(detail, str) else json.dumps(detail)}")
        self.status = status
        self.detail = detail


class LeaseLost(Exception):
    """The job is no longer this worker's: stop, and report nothing."""


class Retry(Exception):
    """Raised by a worker's function: this attempt failed. The next one is in `in_seconds`, or after the backoff."""

    def __init__(self, reason: str, in_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.in_seconds = in_seconds


class Fail(Exception):
    """Raised by a worker's function: the job failed and is not tried again."""


class Jobs:
    """A server's jobs.

    `token` is one of the server's TOKENS. `patience` is for how many seconds a call that is safe to repeat is repeated.
    Jobs are dicts, as the server's JSON has them. Calls raise Refused and Unanswered.
    """

    def __init__(self, url: str, token: str | None = None, *, patience: float = 60.0) -> None:
        self._patience = patience
        self._http = _Http(url, token)
        self._workers: list[_Worker] = []

    # ---- Jobs

    def create(
        self,
        type: str,  # noqa: A002
        payload: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Create a job. With the same key, a second call creates nothing and returns the first one's job.

        `more`: priority, run_at and expires_at (seconds from now, or an ISO 8601 time), max_attempts.
        """
        body = {"type": type, "payload": payload, **more}
        return self._one("POST", "/jobs", body=body, key=key or str(uuid4()))

    def create_many(self, jobs: Iterable[Mapping[str, Any]], *, key: str | None = None) -> list[dict[str, Any]]:
        """Create jobs, each a dict of the arguments of create(), in batches; each batch is created whole or not at all.

        With a key, repeat it with the same jobs: what was created already is not created again.
        """
        created: list[dict[str, Any]] = []
        key = key or str(uuid4())
        for number, batch in enumerate(_batches(jobs)):
            created += self._repeat("POST", "/jobs/batch", body=batch, key=f"{key}:{number}")
        return created

    def get(self, job_id: str, *, full: bool = False) -> dict[str, Any]:
        """The job; `full` adds what workers use, and its attempts."""
        return self._one("GET", _path(job_id), {"full": 1} if full else {})

    def wait(self, job_id: str, timeout: float | None = None) -> dict[str, Any]:
        """The job once it is finished. Raises TimeoutError after so many seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = WAIT if until is None else max(0.0, min(WAIT, until - time.monotonic()))
            job: dict[str, Any] = self._repeat("GET", _path(job_id), {"wait": f"{left:.3f}"}, wait=left)
            if job["completed_at"] is not None:
                return job
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"Job {job_id} is {job['status']} after {timeout} s")

    def newest(self, *, status: str | None = None, limit: int = 100, before: str | None = None) -> list[dict[str, Any]]:
        """The newest jobs, the newest first; `before` is the id of a job, for the next page."""
        query = {"status": status, "limit": limit, "before": before}
        return self._many("GET", "/jobs", query)

    def summary(self) -> dict[str, int]:
        """How many jobs there are of each status."""
        return self._one("GET", "/jobs/summary")

    def workers(self) -> list[dict[str, Any]]:
        """Who holds jobs by a lease."""
        return self._many("GET", "/workers")

    def retry(self, job_id: str) -> dict[str, Any]:
        """Run a finished job again: a new job. Sent once, for a repeat would make another one."""
        return self._once("POST", f"{_path(job_id)}/retry")

    def call_off(self, job_id: str, reason: str | None = None) -> dict[str, Any]:
        """Fail a job for good, whoever holds it. Sent once."""
        return self._once("POST", f"{_path(job_id)}/fail", {"reason": reason})

    # ---- Leases, for those who write their own loop

    def claim(
        self,
        *types: str,
        lease: int = 60,
        limit: int = 1,
        worker: str | None = None,
        attempts: int | None = None,
        wait: float = WAIT,
        key: str | None = None,
    ) -> list[dict[str, Any]]:
        """Claim up to `limit` jobs of these types, or of any; each has its `token`. None came in `wait` seconds: []."""
        query = {"type": types, "lease": lease, "limit": limit, "worker": worker, "attempts": attempts, "wait": wait}
        return self._many("POST", "/jobs/claim", query, key=key or token_urlsafe(16), wait=wait)

    def heartbeat(self, job_id: str, token: str, lease: int | None = None, **progress: Any) -> dict[str, Any]:
        """Prolong the lease; optional: `progress` (0 to 100) and `message`. Refused with 409 once it is lost."""
        return self._one("POST", f"{_path(job_id)}/heartbeat", {"token": token, "lease": lease}, body=progress)

    def complete(self, job_id: str, token: str, result: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """End the run: the job is COMPLETED."""
        return self._one("POST", f"{_path(job_id)}/complete", {"token": token}, body={"result": result})

    def fail(
        self, job_id: str, token: str, reason: str | None = None, retry_in: float | str | None = None
    ) -> dict[str, Any]:
        """End the run: it failed. `retry_in`: seconds until the next attempt, or "never"; None: the backoff."""
        query = {"token": token, "reason": reason, "retry_in": retry_in}
        return self._one("POST", f"{_path(job_id)}/fail", query)

    def release(self, job_id: str, token: str, in_seconds: float = 0) -> dict[str, Any]:
        """Give the job back; that is no failure."""
        return self._one("POST", f"{_path(job_id)}/release", {"token": token, "in": in_seconds})

    def release_all(self, token: str) -> list[dict[str, Any]]:
        """Give back every job that is held under this token."""
        return self._many("POST", "/jobs/release", {"token": token})

    def report(self, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """End or prolong many runs at once; each item has id, token and action. The answer has a status for each."""
        return self._many("POST", "/jobs/report", body=list(items))

    # ---- Workers

    def worker(
        self,
        *types: str,
        slots: int = 1,
        lease: int = 60,
        attempts: int | None = None,
        name: str | None = None,
        grace: float = 30.0,
    ) -> Callable[[Function], Function]:
        """Have run() call the decorated function with each Job of these types (none: of any), `slots` at once.

        It returns the job's result, a dict or None. It raises Retry, Fail, or any other exception, which fails the
        attempt with its text as the reason. At SIGTERM it has `grace` seconds to end; then its job is given back.
        """
        name = name or f"{socket.gethostname()}-{os.getpid()}"

        def register(function: Function) -> Function:
            self._workers.append(_Worker(self, function, types, slots, lease, attempts, name[:100], grace))
            return function

        return register

    def run(self, *, drain: bool = False, once: bool = False) -> None:
        """Work until SIGTERM or SIGINT, or stop() is called; a second signal gives the jobs back at once.

        `drain`: end when there is no job to claim. `once`: end after one job. Raises Refused where the server refuses
        the claims, as for a token that is wrong; what runs then is brought to its end first.
        """
        before = {}
        if threading.current_thread() is threading.main_thread():
            before = {each: signal.signal(each, lambda *_: self.stop()) for each in (signal.SIGTERM, signal.SIGINT)}
        for worker in self._workers:
            worker.start(wait=0.0 if drain or once else WAIT, once=once, drain=drain or once)
        try:
            while any(worker.is_alive() for worker in self._workers):
                for worker in self._workers:
                    worker.join(0.1)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        for worker in self._workers:
            if worker.error:
                raise worker.error

    def stop(self) -> None:
        """Stop claiming, let the running jobs end within their grace, and have run() return. Twice: without a grace."""
        for worker in self._workers:
            worker.stop()

    # ---- Requests

    def _once(self, method: str, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self._http.call(method, path, query or {}, None, {}, TIMEOUT)
        return answer

    def _one(self, *call: Any, **sent: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._repeat(*call, **sent)
        return answer

    def _many(self, *call: Any, **sent: Any) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self._repeat(*call, **sent)
        return answer

    def _repeat(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        body: Any = None,
        key: str | None = None,
        wait: float = 0.0,
    ) -> Any:
        """Make a call that is safe to repeat, until it is answered or the patience is over."""
        headers = {"Idempotency-Key": key} if key else {}
        until = time.monotonic() + self._patience
        pause = PAUSE_FIRST
        while True:
            try:
                return self._http.call(method, path, query or {}, body, headers, TIMEOUT + wait)
            except (Refused, Unanswered) as error:
                if not is_passing(error) or time.monotonic() + pause > until:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, PAUSE_MAX)


def is_passing(error: Exception) -> bool:
    """Whether a call that failed so may succeed when it is repeated."""
    return isinstance(error, Unanswered) or (isinstance(error, Refused) and error.status in (429, 502, 503, 504))


def _path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def _batches(jobs: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    batch: list[Mapping[str, Any]] = []
    size = 0
    for job in jobs:
        bytes_of_it = len(json.dumps(job).encode())
        if batch and (len(batch) == BATCH_JOBS or size + bytes_of_it > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(job)
        size += bytes_of_it + 2
    if batch:
        yield batch


class _Http:
    """Requests to one server, over connections that are kept."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"A URL begins with http:// or https:// and a host: {url!r}")
        self._address = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._headers = {"Accept": "application/json", "User-Agent": f"jobqueue-client/{VERSION}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._idle: list[tuple[float, HTTPConnection]] = []
        self._lock = threading.Lock()

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: Any,
        headers: Mapping[str, str],
        timeout: float,
        opened: Callable[[HTTPConnection], None] = lambda connection: None,
    ) -> Any:
        """What the server answers. Raises Refused, Unanswered, and ValueError for a body that is not JSON."""
        pairs = [(name, value) for name, value in query.items() if value is not None]
        address = f"{self._prefix}{path}{f'?{urlencode(pairs, doseq=True)}' if pairs else ''}"
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        sent = {**self._headers, **headers, **({"Content-Type": "application/json"} if data else {})}
        connection = self._connection(timeout)
        try:
            opened(connection)
            connection.request(method, address, data, sent)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException) as error:
            connection.close()
            raise Unanswered(f"{method} {path}: {error or type(error).__name__}") from error
        self._keep(connection, answer)
        return _parsed(answer.status, text)

    def _connection(self, timeout: float) -> HTTPConnection:
        while True:
            with self._lock:
                since, connection = self._idle.pop() if self._idle else (0.0, self._new(timeout))
            if connection.sock is None:
                return connection
            if time.monotonic() - since < IDLE_MAX and not select.select([connection.sock], [], [], 0)[0]:
                connection.sock.settimeout(timeout)
                return connection
            connection.close()  # the server has closed it, or soon does

    def _new(self, timeout: float) -> HTTPConnection:
        host, port = self._address
        if self._tls is None:
            return HTTPConnection(host, port, timeout=timeout)
        return HTTPSConnection(host, port, timeout=timeout, context=self._tls)

    def _keep(self, connection: HTTPConnection, answer: HTTPResponse) -> None:
        if answer.will_close:
            connection.close()
        elif connection.sock is not None:
            with self._lock:
                self._idle.append((time.monotonic(), connection))


def _parsed(status: int, text: bytes) -> Any:
    try:
        value = json.loads(text) if text else None
    except ValueError:
        value = {"detail": text[:200].decode(errors="replace")}  # of a proxy
        status = status if status >= 300 else 502
    if 200 <= status < 300:
        return value
    raise Refused(status, value.get("detail") if isinstance(value, dict) else value)


class Job:
    """A job that this process holds, as a worker's function gets it."""

    def __init__(self, data: Mapping[str, Any], lease: float, sent: float) -> None:
        self.data = dict(data)  # as the server's JSON has it
        self.id: str = data["id"]
        self.type: str = data["type"]
        self.payload: Any = data["payload"]
        self.priority: int = data["priority"]
        self.attempt: int = data["attempt"]
        self.token: str = data["token"]
        self.stopping = False  # whether the worker is about to end: a long job may raise Retry
        self._lease = lease
        self._lost = threading.Event()
        self._why = ""
        self._progress: dict[str, Any] = {}
        self.held_since(sent)

    def progress(self, percent: int, message: str = "") -> None:
        """Have the next heartbeat tell how far it is: 0 to 100, and up to 200 characters. Sends nothing itself."""
        self._progress = {"progress": max(0, min(100, int(percent))), "message": message[:200]}

    def check(self) -> None:
        """Raise LeaseLost once the job is lost. Call it now and then, and always before what must not happen twice."""
        if self.is_lost():
            raise LeaseLost(self._why)

    def is_lost(self) -> bool:
        """Whether it is lost: the server said so, or no heartbeat was answered in time."""
        if not self._lost.is_set() and time.monotonic() >= self._until:
            self.lose("no heartbeat was answered in time")
        return self._lost.is_set()

    def wait_until_lost(self, seconds: float) -> bool:
        """Wait for so long, or until it is lost; whether it is."""
        self._lost.wait(max(0.0, min(seconds, self._until - time.monotonic())))
        return self.is_lost()

    # ---- For its worker

    def held_since(self, sent: float) -> None:
        """An answered call, sent then, has prolonged the lease. The server counts from a later moment than this."""
        self._sent = sent
        self._until = sent + self._lease - min(MARGIN, self._lease / 10)

    def is_due(self) -> bool:
        """Whether it is time for the next heartbeat."""
        return time.monotonic() >= self._sent + self._lease / 3

    def lose(self, why: str) -> None:
        self._why = why
        self._lost.set()

    def heartbeat(self) -> dict[str, Any]:
        """The item of a report."""
        return {"id": self.id, "token": self.token, "action": "heartbeat", "lease": int(self._lease), **self._progress}


class _Worker:
    """A function's slots: one thread that claims, one that sends heartbeats, and one for each running job."""

    def __init__(
        self,
        jobs: Jobs,
        function: Callable[[Job], Any],
        types: tuple[str, ...],
        slots: int,
        lease: int,
        attempts: int | None,
        name: str,
        grace: float,
    ) -> None:
        self._jobs, self._function, self._types, self._slots = jobs, function, types, slots
        self._lease, self._attempts, self._name, self._grace = lease, attempts, name, grace
        self._changed = threading.Condition()  # of what follows
        self._running: dict[str, Job] = {}
        self._stops = 0
        self._claims = False
        self._open: HTTPConnection | None = None  # the connection of a claim that waits
        self._thread = threading.Thread()
        self.error: Refused | None = None

    def start(self, *, wait: float, once: bool, drain: bool) -> None:
        self._wait, self._once, self._drain = wait, once, drain
        self._claims = True
        self._thread = threading.Thread(target=self._claim_all, name="jobqueue claims", daemon=True)
        self._thread.start()
        threading.Thread(target=self._beat_all, name="jobqueue heartbeats", daemon=True).start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def stop(self) -> None:
        """May be called by a signal's handler, so it waits for no lock."""
        self._stops += 1
        threading.Thread(target=self._break_off, name="jobqueue stop", daemon=True).start()

    def _break_off(self) -> None:
        with self._changed:
            connection = self._open
            self._changed.notify_all()
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    # ---- Claims

    def _claim_all(self) -> None:
        try:
            while (free := self._free_slots()) and not self._stops:
                if (not self._claim(free) and self._drain) or self._once:
                    break
        except Refused as error:
            self.error = error
        self._end()

    def _free_slots(self) -> int:
        """How many slots are free, once one is."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._running) < self._slots or self._stops)
            return 1 if self._once else self._slots - len(self._running)

    def _claim(self, free: int) -> bool:
        """Claim and begin up to so many jobs; whether there was one. The same key is sent until it is answered."""
        key, pause = token_urlsafe(16), PAUSE_FIRST
        query = {
            "type": self._types,
            "lease": self._lease,
            "limit": min(free, 100),
            "worker": self._name,
            "attempts": self._attempts,
            "wait": self._wait,
        }
        headers = {"Idempotency-Key": key}
        first = time.monotonic()
        while True:
            sent = time.monotonic()
            try:
                found = self._jobs._http.call(  # noqa: SLF001  # one module, one client
                    "POST", "/jobs/claim", query, None, headers, TIMEOUT + self._wait, self._opened
                )
                break
            except (Refused, Unanswered) as error:
                if self._stops:
                    return self._give_back(key)
                if isinstance(error, Refused) and error.status == 409:
                    return False  # what an unanswered call claimed has run out meanwhile
                if not is_passing(error):
                    raise
                log.warning("The claim failed and is repeated: %s", error)
            finally:
                self._opened(None)
            with self._changed:
                self._changed.wait_for(lambda: self._stops, pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, PAUSE_MAX)
        if self._stops and found:
            return self._give_back(key)
        held = [Job(data, self._lease, first if first != sent else sent) for data in found]
        for job in held:
            self._begin(job)
        return bool(held)

    def _opened(self, connection: HTTPConnection | None) -> None:
        with self._changed:
            self._open = connection

    def _give_back(self, key: str) -> bool:
        """Release what a claim has got that is no longer wanted; once more later, for it may commit in between."""
        for pause in (0.0, 1.0):
            time.sleep(pause)
            with suppress(JobsError):
                self._jobs.release_all(key)
        return False

    # ---- Jobs

    def _begin(self, job: Job) -> None:
        with self._changed:
            self._running[job.id] = job
            self._changed.notify_all()
        threading.Thread(target=self._work, args=(job,), name=f"jobqueue {job.type}", daemon=True).start()

    def _work(self, job: Job) -> None:
        try:
            self._report(job, self._outcome(job))
        finally:
            with self._changed:
                self._running.pop(job.id, None)
                self._changed.notify_all()

    def _outcome(self, job: Job) -> dict[str, Any] | None:
        """How the function ended, as the item of a report; None where the job is lost."""
        try:
            result = self._function(job)
            if not (result is None or isinstance(result, dict)):
                raise TypeError(f"the result is a {type(result).__name__}, not a dict")
            json.dumps(result, allow_nan=False)
            return {"action": "complete", "result": result}
        except LeaseLost:
            return None
        except Retry as error:
            return {"action": "fail", "reason": str(error), "retry_in": error.in_seconds}
        except Fail as error:
            return {"action": "fail", "reason": str(error), "retry_in": "never"}
        except Exception as error:  # whatever it is, it is this job's failure
            log.exception("Job %s failed", job.id)
            return {"action": "fail", "reason": f"{type(error).__name__}: {error}"}

    def _report(self, job: Job, end: dict[str, Any] | None) -> None:
        """Tell the server, over and over, for as long as the job is held; a lost job is never reported."""
        pause = PAUSE_FIRST
        while end is not None and not job.is_lost():
            try:
                (told,) = self._jobs._http.call(  # noqa: SLF001
                    "POST", "/jobs/report", {}, [{"id": job.id, "token": job.token, **end}], {}, TIMEOUT
                )
                if told["status"] != 200:
                    job.lose(told["detail"])
                return
            except (Refused, Unanswered) as error:
                if not is_passing(error):
                    log.error("Job %s could not be reported: %s", job.id, error)
                    end = {"action": "fail", "reason": f"its result was refused: {error}"[:1000], "retry_in": "never"}
            job.wait_until_lost(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, PAUSE_MAX)
        log.warning("Job %s is lost: %s", job.id, job._why)  # noqa: SLF001

    # ---- Heartbeats

    def _beat_all(self) -> None:
        pause = PAUSE_FIRST
        while self._claims or self._running:
            with self._changed:
                due = [job for job in self._running.values() if job.is_due() and not job.is_lost()]
            if due:
                pause = PAUSE_FIRST if self._beat(due) else min(2 * pause, max(PAUSE_FIRST, self._lease / 10))
            with self._changed:
                self._changed.wait(pause if due else min(1.0, self._lease / 10))

    def _beat(self, due: list[Job]) -> bool:
        """Prolong the leases of these jobs by one call; whether it was answered."""
        sent = time.monotonic()
        try:
            told = self._jobs._http.call(  # noqa: SLF001
                "POST", "/jobs/report", {}, [job.heartbeat() for job in due], {}, max(1.0, self._lease / 3)
            )
        except JobsError as error:
            log.warning("A heartbeat failed and is repeated: %s", error)
            return False
        for job, item in zip(due, told):
            if item["status"] == 200:
                job.held_since(sent)
            else:
                job.lose(item["detail"])
        return True

    # ---- The end

    def _end(self) -> None:
        """Let the running jobs end, within the grace where it was told to stop; then give them back."""
        until: float | None = None
        with self._changed:
            while self._running:
                if self._stops and until is None:
                    until = time.monotonic() + self._grace
                    for job in self._running.values():
                        job.stopping = True
                if self._stops > 1 or (until is not None and time.monotonic() >= until):
                    break
                self._changed.wait(0.1)
            left = list(self._running.values())
        for job in left:
            job.lose("the worker has ended; the job was given back")
        if left:
            with suppress(JobsError):
                self._jobs.report([{"id": job.id, "token": job.token, "action": "release"} for job in left])
        self._claims = False
