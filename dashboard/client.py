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

    jobs.run()  # until SIGTERM, SIGINT or SIGHUP

A call that is safe to repeat is repeated, after a 429, a 5xx or a broken connection, until `patience` is over. Creates
are safe, for each has a key; so are leased claims and whatever is sent with a token. Other calls are sent once.

Threads may share a Jobs. What a worker may rely on, and what not, is told in docs/workers.md of the project.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import selectors
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from queue import SimpleQueue
from secrets import token_urlsafe
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

VERSION = "0.2.0"

CONNECT_TIMEOUT = 10.0  # seconds until a connection is there
TIMEOUT = 30.0  # seconds until an answer must begin, beyond those that the call waits by itself
WAIT = 20.0  # seconds that a call waits at the server, for a job or for the end of one
ON_ITS_WAY = 1.0  # seconds that an answer may take where the server's time to wait is also the caller's
IDLE_MAX = 4.0  # seconds that a connection may be unused: the server closes it after five
BATCH_BYTES = 512 * 1024  # of one request; a server takes 1,000,000, unless it is set otherwise
ITEMS_MAX = 1_000  # of a batch or a report
CLAIM_MAX = 100  # jobs of one claim
PAUSE_FIRST, PAUSE_MAX = 0.2, 30.0  # seconds between two attempts of a call
TOO_SOON = 1.0  # seconds; a server that answers sooner that there is nothing lets no request wait now
MARGIN = 5.0  # seconds: a job is told to stop so long before its lease ends, or a tenth of the lease if that is less
RELEASE_TIMEOUT = 5.0  # seconds until an answer must begin when jobs are given back: their leases end anyway
RELEASE_PAUSE = 1.0  # seconds between the two releases of a claim that was broken off: it may commit in between
RELEASE_MAX = 10.0  # seconds that both may take beyond the grace
POLL = 0.05  # seconds
REASON_MAX = 1_000  # characters
CLAIMED = ("id", "type", "payload", "priority", "attempt", "token")  # what a job that was claimed has
LEASE_MAX = 86_400  # seconds
LATER_MAX = 2_592_000.0  # seconds until another attempt

_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # of Linux

log = logging.getLogger("jobqueue")

Function = TypeVar("Function", bound=Callable[["Job"], Any])


class JobsError(Exception):
    """A call that failed."""


class Unanswered(JobsError):
    """No answer: the server could not be reached, or the connection broke. The call may have been carried out."""


class Refused(JobsError):
    """An answer that is no success: its `status`, and the server's `detail`, a sentence or a list of problems."""

    def __init__(self, status: int, detail: Any, retry_after: float = 0.0) -> None:
        super().__init__(f"{status}: {detail if isinstance(detail, str) else json.dumps(detail)}")
        self.status = status
        self.detail = detail
        self.retry_after = retry_after  # seconds that the server asks to wait before another try


class NotUnderstood(JobsError):
    """An answer of another form than expected: there is something else at this address."""

    def __init__(self, answer: Any) -> None:
        super().__init__(f"The answer has another form than expected: {json.dumps(answer)[:200]}")


class LeaseLost(Exception):
    """The job is no longer this worker's: stop, and report nothing."""


class Retry(Exception):
    """Raised by a worker's function: this attempt failed. The next one is in `in_seconds`, or after the backoff.

    Of seconds that are less or more than a server takes (0 to 30 days) it is the nearest.
    """

    def __init__(self, reason: str, in_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.in_seconds = None if in_seconds is None else _later(in_seconds)


class Fail(Exception):
    """Raised by a worker's function: the job failed and is not tried again."""


class Release(Exception):
    """Raised by a worker's function that cannot go on, as at a stop: the job is given back, and that is no failure."""

    def __init__(self, reason: str = "", in_seconds: float = 0) -> None:
        super().__init__(reason)
        self.in_seconds = _later(in_seconds)


def _later(seconds: float) -> float:
    if not isinstance(seconds, (int, float)) or seconds != seconds:  # NaN differs from itself
        raise ValueError(f"in_seconds is a number of seconds, not {seconds!r}")
    return max(0, min(LATER_MAX, seconds))


class Jobs:
    """A server's jobs.

    `token` is one of the server's TOKENS. `patience` is for how many seconds a call that is safe to repeat is repeated.
    Jobs are dicts, as the server's JSON has them. Calls raise Refused, Unanswered and NotUnderstood, which are
    JobsErrors, and ValueError for what cannot be sent.
    """

    def __init__(self, url: str, token: str | None = None, *, patience: float = 60.0) -> None:
        self._patience = patience
        self._http = _Http(url, token)
        self._registered: list[_Registered] = []
        self._running = threading.Lock()
        self._stops = 0

    def close(self) -> None:
        """Close the connections that are kept; a later call keeps none. `with Jobs(…) as jobs:` does it, too."""
        self._http.close()

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

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
        return self._job("POST", "/jobs", body=body, key=str(uuid4()) if key is None else key)

    def create_many(self, jobs: Iterable[Mapping[str, Any]], *, key: str | None = None) -> list[dict[str, Any]]:
        """Create jobs in batches; each batch is created whole or not at all.

        Each job is a dict with `type`, and what else create() takes, but for a key: one key stands for all of them. A
        repeat with the same key and the same jobs in their order creates what was not created yet.
        """
        created: list[dict[str, Any]] = []
        key = str(uuid4()) if key is None else key
        for number, batch in enumerate(_batches(jobs)):
            created += self._many("POST", "/jobs/batch", body=batch, key=f"{key}:{number}")
        return created

    def get(self, job_id: str, *, full: bool = False) -> dict[str, Any]:
        """The job; `full` adds what workers use, and its attempts."""
        return self._job("GET", _path(job_id), {"full": 1} if full else {})

    def wait(self, job_id: str, timeout: float | None = None) -> dict[str, Any]:
        """The job once it is finished.

        Raises TimeoutError after so many seconds, also where the server is away; where it is mute, a second later.
        """
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            began = time.monotonic()
            left = max(0.0, min(WAIT, until - began))
            try:
                job = self._job("GET", _path(job_id), {"wait": f"{left:.3f}"}, wait=left, until=until)
            except JobsError as error:
                if time.monotonic() < until or not is_passing(error):
                    raise
                raise TimeoutError(f"Nothing is known of job {job_id} after {timeout} s: {error}") from error
            if job["completed_at"] is not None:
                return job
            now = time.monotonic()
            if now >= until:
                raise TimeoutError(f"Job {job_id} is {job['status']} after {timeout} s")
            if now - began < min(TOO_SOON, left):
                time.sleep(min(TOO_SOON * random.uniform(0.5, 1.0), until - now))

    def newest(self, *, status: str | None = None, limit: int = 100, before: str | None = None) -> list[dict[str, Any]]:
        """The newest jobs, the newest first; `before` is the id of a job, for the next page."""
        return self._many("GET", "/jobs", {"status": status, "limit": limit, "before": before})

    def summary(self) -> dict[str, int]:
        """How many jobs there are of each status."""
        return _one(self._repeat("GET", "/jobs/summary"), "pending")

    def workers(self) -> list[dict[str, Any]]:
        """Who holds jobs by a lease."""
        return self._many("GET", "/workers")

    def retry(self, job_id: str) -> dict[str, Any]:
        """Run a finished job again: a new job. Sent once, for a repeat would make another one."""
        return _one(self._http.call("POST", f"{_path(job_id)}/retry"), "id")

    def call_off(self, job_id: str, reason: str | None = None) -> dict[str, Any]:
        """Fail a job for good, also one that a worker holds. Sent once."""
        return _one(self._http.call("POST", f"{_path(job_id)}/fail", {"reason": reason}), "id")

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
        return self._many("POST", "/jobs/claim", query, key=token_urlsafe(16) if key is None else key, wait=wait)

    def heartbeat(self, job_id: str, token: str, lease: int | None = None, **progress: Any) -> dict[str, Any]:
        """Prolong the lease; optional: `progress` (0 to 100) and `message`. Refused with 409 once it is lost."""
        query = {"token": token, "lease": lease}
        return _one(self._repeat("POST", f"{_path(job_id)}/heartbeat", query, body=progress), "lease_expires_at")

    def complete(self, job_id: str, token: str, result: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """End the run: the job is COMPLETED."""
        return self._job("POST", f"{_path(job_id)}/complete", {"token": token}, body={"result": result})

    def fail(
        self, job_id: str, token: str, reason: str | None = None, retry_in: float | str | None = None
    ) -> dict[str, Any]:
        """End the run: it failed. `retry_in`: seconds until the next attempt, or "never"; None: the backoff."""
        query = {"token": token, "reason": reason, "retry_in": retry_in}
        return self._job("POST", f"{_path(job_id)}/fail", query)

    def release(self, job_id: str, token: str, in_seconds: float = 0) -> dict[str, Any]:
        """Give the job back; that is no failure."""
        return self._job("POST", f"{_path(job_id)}/release", {"token": token, "in": in_seconds})

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

        It returns the job's result, a dict or None. It raises Retry, Fail, Release, or any other exception, which fails
        the attempt with its text as the reason. At a stop it has `grace` seconds to end; then its job is given back.
        Each slot is one thread, which calls the function for one job after another.
        """
        if not all(isinstance(each, str) for each in types):
            raise TypeError('A worker takes types, which are strings: @jobs.worker("image_resize"), or @jobs.worker()')
        for what, number, most in (("slots", slots, None), ("lease", lease, LEASE_MAX), ("attempts", attempts, 100)):
            if number is not None and not (isinstance(number, int) and 1 <= number <= (most or number)):
                raise ValueError(f"{what} is a whole number from 1{f' to {most:,}' if most else ' on'}, not {number!r}")
        if not (isinstance(grace, (int, float)) and grace >= 0):
            raise ValueError(f"grace is a number of seconds, not {grace!r}")
        who = (name or f"{socket.gethostname()}-{os.getpid()}")[:100]

        def register(function: Function) -> Function:
            self._registered.append(_Registered(function, types, slots, lease, attempts, who, grace))
            return function

        return register

    def run(self, *, drain: bool = False, once: bool = False) -> bool:
        """Work until SIGTERM, SIGINT, SIGHUP or stop(). A second one gives the running jobs back without a grace.

        `drain`: end when there is no job to claim and none runs. `once`: wait for one job of each worker, and end.
        Each call begins anew; False says that it was told to stop: `while jobs.run(once=True): …`.
        Raises Refused where the server refuses the claims, as for a token that is wrong; what runs then has its grace.
        """
        if not self._registered:
            raise RuntimeError("There is no worker to run: decorate a function with @jobs.worker(…) first")
        if not self._running.acquire(blocking=False):
            raise RuntimeError("run() is under way in another thread")
        try:
            return self._run([_Worker(self._http, each, drain=drain, once=once) for each in self._registered])
        finally:
            self._stops = 0
            self._running.release()

    def _run(self, workers: Sequence[_Worker]) -> bool:
        if self._stops:
            return False
        before = {}
        if threading.current_thread() is threading.main_thread():
            before = {each: signal.signal(each, lambda *_: self.stop()) for each in _signals_to_stop()}
        try:
            for worker in workers:
                worker.start()
            while [worker for worker in workers if not worker.is_over(self._stops)]:
                if not self._stops and any(worker.error for worker in workers):
                    self.stop()
                time.sleep(POLL)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)
        for worker in workers:
            if worker.error:
                raise worker.error
        return not self._stops

    def stop(self) -> None:
        """Claim no more, let the running jobs end within their grace, and have run() return. Twice: without a grace.

        Any thread and any handler of a signal may call it. Where nothing runs, the next run() returns at once.
        """
        self._stops += 1

    # ---- Requests

    def _job(self, *call: Any, **sent: Any) -> dict[str, Any]:
        return _one(self._repeat(*call, **sent), "id")

    def _many(self, *call: Any, **sent: Any) -> list[dict[str, Any]]:
        return _many(self._repeat(*call, **sent))

    def _repeat(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        body: Any = None,
        key: str | None = None,
        wait: float = 0.0,
        until: float = float("inf"),
    ) -> Any:
        """Make a call that is safe to repeat, until it is answered, or the patience or the time is over."""
        last = min(until, time.monotonic() + self._patience)
        pauses = _pauses()
        while True:
            try:
                timeout = min(TIMEOUT + wait, max(0.0, until - time.monotonic()) + ON_ITS_WAY)
                return self._http.call(method, path, query, body, key=key, timeout=timeout)
            except JobsError as error:
                left = last - time.monotonic()
                if left <= 0 or not is_passing(error):
                    raise
                pause = _pause(error, pauses)
            time.sleep(min(left, pause))


def _signals_to_stop() -> list[signal.Signals]:
    """Where SIGHUP exists and is not ignored, as nohup has it, it is one of them."""
    hangup = [signal.SIGHUP] if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else []
    return [signal.SIGTERM, signal.SIGINT, *hangup]


def _one(answer: Any, key: str) -> dict[str, Any]:
    """The answer, which must be an object with this key."""
    if isinstance(answer, dict) and key in answer:
        return answer
    raise NotUnderstood(answer)


def _many(answer: Any, *keys: str) -> list[dict[str, Any]]:
    """The answer, which must be an array of objects with these keys."""
    if isinstance(answer, list) and all(isinstance(each, dict) and each.keys() >= {*keys} for each in answer):
        return answer
    raise NotUnderstood(answer)


def is_passing(error: Exception) -> bool:
    """Whether a call that failed so may succeed when it is repeated."""
    return isinstance(error, Unanswered) or (
        isinstance(error, Refused) and (error.status in (408, 429) or error.status >= 500)
    )


def _pauses(most: float = PAUSE_MAX) -> Iterator[float]:
    """Seconds between the attempts of a call."""
    pause = PAUSE_FIRST
    while True:
        yield pause * random.uniform(0.5, 1.0)
        pause = min(2 * pause, most)


def _pause(error: JobsError, pauses: Iterator[float]) -> float:
    """Seconds until the next attempt, after one that failed so."""
    return max(next(pauses), error.retry_after if isinstance(error, Refused) else 0.0)


def _retry_after(value: str) -> float:
    """Seconds; HTTP has also the form of a date."""
    try:
        seconds = float(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return max(0.0, seconds)


def _now() -> float:
    """Seconds of a clock that cannot be set. On Linux it goes on while the machine is suspended, as a lease does."""
    return time.clock_gettime(_CLOCK) if _CLOCK is not None else time.monotonic()


def json_bytes(value: Any) -> bytes:
    """The value as it is sent. Raises ValueError or TypeError for what is no JSON: NaN, a lone surrogate, a set."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def _path(job_id: str) -> str:
    if not job_id:
        raise ValueError("The id of a job is not empty")
    return f"/jobs/{quote(job_id, safe='', errors='surrogatepass')}"


def _batches(jobs: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    batch: list[Mapping[str, Any]] = []
    size = 0
    for job in jobs:
        bytes_of_it = len(json_bytes(job)) + 2
        if batch and (len(batch) == ITEMS_MAX or size + bytes_of_it > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(job)
        size += bytes_of_it
    if batch:
        yield batch


class _Http:
    """Requests to one server, over connections that are kept."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"A URL begins with http:// or https:// and a host: {url!r}")
        try:
            parts.hostname.encode("idna")
        except UnicodeError as error:
            raise ValueError(f"The host of this URL is none: {url!r}") from error
        if not _is_ascii(token or "x"):
            raise ValueError("A token consists of visible ASCII characters")
        self._address = parts.hostname, parts.port
        self._prefix = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._headers = {"Accept": "application/json", "User-Agent": f"jobqueue-client/{VERSION}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._idle: list[tuple[float, HTTPConnection]] = []
        self._is_closed = False
        self._lock = threading.Lock()

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        *,
        key: str | None = None,
        timeout: float = TIMEOUT,
        opened: Callable[[HTTPConnection | None], None] = lambda connection: None,
    ) -> Any:
        """What the server answers. Raises Refused, Unanswered, and ValueError or TypeError for what cannot be sent.

        `opened` is called with the connection before anything is sent, and with None before another call may use it.
        """
        pairs = [(name, value) for name, value in (query or {}).items() if value is not None]
        try:
            address = f"{self._prefix}{path}{f'?{urlencode(pairs, doseq=True)}' if pairs else ''}"
            data = None if body is None else json_bytes(body)
        except UnicodeEncodeError as error:
            raise ValueError(f"It is no text, so it is not sent: {error.object!r:.200}") from error
        headers = dict(self._headers)
        if data is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            if not _is_ascii(key):
                raise ValueError(f"A key consists of visible ASCII characters: {key!r}")
            headers["Idempotency-Key"] = key
        try:
            connection = self._connection(timeout)
            try:
                opened(connection)
                connection.request(method, address, data, headers)
                answer = connection.getresponse()
                text = answer.read()
            except BaseException:
                connection.close()
                raise
            finally:
                opened(None)
        except (OSError, HTTPException) as error:
            raise Unanswered(f"{method} {path}: {error or type(error).__name__}") from error
        self._keep(connection, answer)
        return _parsed(answer.status, text, _retry_after(answer.headers.get("Retry-After", "")))

    def _connection(self, timeout: float) -> HTTPConnection:
        while True:
            with self._lock:
                since, connection = self._idle.pop() if self._idle else (0.0, self._new())
            if connection.sock is None:
                connection.timeout = min(CONNECT_TIMEOUT, timeout)
                connection.connect()
            elif time.monotonic() - since > IDLE_MAX or _has_input(connection.sock):
                connection.close()  # the server has closed it, or soon does
                continue
            connection.sock.settimeout(timeout)
            return connection

    def close(self) -> None:
        with self._lock:
            self._is_closed, idle, self._idle = True, self._idle, []
        for _, connection in idle:
            connection.close()

    def _new(self) -> HTTPConnection:
        host, port = self._address
        if self._tls is None:
            return HTTPConnection(host, port)
        return HTTPSConnection(host, port, context=self._tls)

    def _keep(self, connection: HTTPConnection, answer: HTTPResponse) -> None:
        now = time.monotonic()
        with self._lock:
            over = [each for since, each in self._idle if now - since > IDLE_MAX]
            self._idle = [(since, each) for since, each in self._idle if now - since <= IDLE_MAX]
            if answer.will_close or self._is_closed:
                over.append(connection)
            else:
                self._idle.append((now, connection))
        for each in over:
            each.close()


def _is_ascii(text: str) -> bool:
    """Whether a header of HTTP may consist of it."""
    return re.fullmatch("[!-~]+", text) is not None


def _has_input(sock: socket.socket) -> bool:
    """Whether something is there to read: of an idle connection, that the server has closed it."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _parsed(status: int, text: bytes, retry_after: float) -> Any:
    try:
        value = json.loads(text) if text else None
    except ValueError:
        value = {"detail": text[:200].decode(errors="replace")}  # of a proxy
        status = status if status >= 300 else 502
    if 200 <= status < 300:
        return value
    raise Refused(status, value.get("detail") if isinstance(value, dict) else value, retry_after)


class Job:
    """A job that this process holds, as a worker's function gets it."""

    def __init__(self, data: Mapping[str, Any], lease: float, sent: float, stop: threading.Event) -> None:
        self.data = dict(data)  # as the server's JSON has it
        self.id: str = data["id"]
        self.type: str = data["type"]
        self.payload: Any = data["payload"]
        self.priority: int = data["priority"]
        self.attempt: int = data["attempt"]
        self.token: str = data["token"]
        self.is_ending = False  # whether its end is being reported
        self.why_lost = ""
        self._lease = lease
        self._stop = stop
        self._lost = threading.Event()
        self._progress: dict[str, Any] = {}
        self.held_since(sent)

    def __str__(self) -> str:
        return f"{self.type} {self.id}, attempt {self.attempt}"

    @property
    def stopping(self) -> bool:
        """Whether the worker is about to end: a long job may then save what it has, and raise Release."""
        return self._stop.is_set()

    def progress(self, percent: int, message: str = "") -> None:
        """Have the next heartbeat tell how far it is: 0 to 100, and up to 200 characters. Sends nothing itself."""
        self._progress = {"progress": max(0, min(100, int(percent))), "message": _clean(message, 200)}

    def check(self) -> None:
        """Raise LeaseLost once the job is lost. Call it now and then, and always before what must not happen twice."""
        if self.is_lost():
            raise LeaseLost(self.why_lost)

    def is_lost(self) -> bool:
        """Whether it is lost: the server said so, or no heartbeat was answered in time."""
        if not self._lost.is_set() and _now() >= self._until:
            self.lose("no heartbeat was answered in time")
        return self._lost.is_set()

    def wait_until_lost(self, seconds: float) -> bool:
        """Wait for so long, or until it is lost; whether it is."""
        end = _now() + seconds
        while not self.is_lost() and (left := min(end, self._until) - _now()) > 0:
            self._lost.wait(left)
        return self.is_lost()

    # ---- For its worker

    def forget_progress(self) -> None:
        """The server does not take it; it must not cost the lease."""
        self._progress = {}

    def held_since(self, sent: float) -> None:
        """An answered call, sent then, has prolonged the lease. The server counts from a later moment than this."""
        self._sent = sent
        self._until = sent + self._lease - min(MARGIN, self._lease / 10)

    def is_due(self) -> bool:
        """Whether it is time for the next heartbeat."""
        return _now() >= self._sent + self._lease / 3

    def lose(self, why: str) -> None:
        self.why_lost = self.why_lost or why
        self._lost.set()

    def heartbeat(self) -> dict[str, Any]:
        """The item of a report."""
        return {"id": self.id, "token": self.token, "action": "heartbeat", "lease": self._lease, **self._progress}


def _clean(text: str, most: int) -> str:
    """The text as a server takes it: without NUL and lone surrogates, and not too long."""
    return text[:most].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class _Registered(NamedTuple):
    """The settings of a worker, as they were given to worker()."""

    function: Callable[[Job], Any]
    types: tuple[str, ...]
    slots: int
    lease: int
    attempts: int | None
    name: str
    grace: float


class _Worker:
    """One run of a function's slots: a thread for each, one that claims, and one that sends the heartbeats of all."""

    def __init__(self, http: _Http, told: _Registered, *, drain: bool, once: bool) -> None:
        self._http, self._drain, self._once = http, drain, once
        self._function, self._types, self._slots, self._lease, self._attempts, self._name, self._grace = told
        self._wait = 0.0 if drain else WAIT
        self._stop = threading.Event()
        self._stopped = self._ended = 0.0  # when
        self._changed = threading.Condition()  # of what follows
        self._is_over = False
        self._running: set[Job] = set()  # one that was lost may still run when its next attempt begins here
        self._open: HTTPConnection | None = None  # that of a claim
        self._begun: SimpleQueue[Job | None] = SimpleQueue()
        self._claims = threading.Thread(target=self._claim_all, name="jobqueue claims", daemon=True)
        self.error: Exception | None = None

    def start(self) -> None:
        beats = threading.Thread(target=self._beat_all, name="jobqueue heartbeats", daemon=True)
        slots = [threading.Thread(target=self._work, name="jobqueue slot", daemon=True) for _ in range(self._slots)]
        for thread in (*slots, beats, self._claims):
            thread.start()

    def is_over(self, stops: int) -> bool:
        """Whether it has ended. `stops` is how often it was told to stop: once begins the grace, twice ends it."""
        if stops and not self._stop.is_set():
            self._begin_to_stop()
        claims = self._claims.is_alive()  # before the running jobs are looked at: its last act may be to begin some
        now = _now()
        with self._changed:
            is_late = stops > 1 or (stops == 1 and now >= self._stopped + self._grace)
            if not self._is_over and (claims or self._running) and not is_late:
                return False
            was_over, left = self._is_over, list(self._running)
            if not was_over:
                self._is_over, self._ended = True, now
        if not was_over:
            for _ in range(self._slots):
                self._begun.put(None)
            self._release(left)
        return not claims or now >= self._ended + RELEASE_MAX

    def _begin_to_stop(self) -> None:
        self._stopped = _now()
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
            if self._open is not None and self._open.sock is not None:
                with suppress(OSError):
                    # As a plain socket: TLS would say goodbye, while another thread reads.
                    socket.socket.shutdown(self._open.sock, socket.SHUT_RDWR)

    def _release(self, left: Sequence[Job]) -> None:
        """Give these jobs back; their functions hear of it by check()."""
        for job in left:
            job.lose("the worker has ended; the job was given back")
        for start in range(0, len(left), ITEMS_MAX):
            items = [{"id": job.id, "token": job.token, "action": "release"} for job in left[start : start + ITEMS_MAX]]
            with suppress(JobsError):
                self._http.call("POST", "/jobs/report", body=items, timeout=RELEASE_TIMEOUT)

    # ---- Claims

    def _claim_all(self) -> None:
        try:
            while free := self._free_slots():
                busy, began = len(self._running), _now()
                found = self._claim(1 if self._once else min(free, CLAIM_MAX))
                if found is None:
                    continue
                if (found and self._once) or (not found and self._drain and not busy):
                    return
                if not found and self._drain:
                    with self._changed:  # what runs may create jobs
                        self._changed.wait_for(lambda: len(self._running) < busy or self._stop.is_set())  # noqa: B023
                elif not found and _now() - began < TOO_SOON:
                    self._stop.wait(TOO_SOON * random.uniform(0.5, 1.0))
        except Exception as error:  # run() raises it
            self.error = error

    def _free_slots(self) -> int:
        """How many slots are free, once one is; 0 at a stop."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._running) < self._slots or self._stop.is_set())
            return 0 if self._stop.is_set() else self._slots - len(self._running)

    def _claim(self, limit: int) -> int | None:
        """Claim and begin up to so many jobs; how many. The same key is sent until it is answered.

        None where jobs were claimed, and have ended before the answer came: there may be more.
        """
        key, pauses, is_repeat = token_urlsafe(16), _pauses(), False
        query = {
            "type": self._types,
            "lease": self._lease,
            "limit": limit,
            "worker": self._name,
            "attempts": self._attempts,
            "wait": self._wait,
        }
        while not self._stop.is_set():
            sent = _now()
            try:
                answer = self._http.call(
                    "POST", "/jobs/claim", query, key=key, timeout=TIMEOUT + self._wait, opened=self._opened
                )
                found = _many(answer, *CLAIMED)
            except JobsError as error:
                if is_repeat and isinstance(error, Refused) and error.status == 409:
                    return None
                if not is_passing(error):
                    raise
                is_repeat = True
                if not self._stop.is_set():
                    log.warning("A claim failed and is repeated: %s", error)
                    self._stop.wait(min(PAUSE_MAX, _pause(error, pauses)))
                continue
            if found and self._stop.is_set():
                break
            jobs = [Job(data, self._lease, sent, self._stop) for data in found]
            # The lease counts from the claim; after a repeat or a long wait, this client does not know when that was.
            if is_repeat or any(job.is_due() for job in jobs):
                jobs = self._confirmed(jobs)
            return self._begin(jobs) if jobs or not found else None
        self._give_back(key)
        return 0

    def _opened(self, connection: HTTPConnection | None) -> None:
        """A claim has this connection, and sends nothing where a stop came first."""
        with self._changed:
            self._open = connection
        if connection is not None and self._stop.is_set():
            raise ConnectionAbortedError("the worker stops")

    def _confirmed(self, jobs: list[Job]) -> list[Job]:
        """Those of the jobs that are held now, by a heartbeat that is sent until it is answered."""
        until, pauses = _now() + self._lease, _pauses()
        while jobs and not self._beat(jobs):
            pause = next(pauses)
            if _now() + pause >= until or self._stop.wait(pause):
                self._release(jobs)
                return []
        return [job for job in jobs if not job.is_lost()]

    def _begin(self, jobs: Sequence[Job]) -> int:
        with self._changed:
            if not self._is_over:
                self._running.update(jobs)
                for job in jobs:
                    self._begun.put(job)
                return len(jobs)
        self._release(jobs)
        return 0

    def _give_back(self, key: str) -> None:
        """Release what a claim without an answer has got; once more later, for it may commit in between."""
        for pause in (0.0, RELEASE_PAUSE):
            time.sleep(pause)
            with suppress(JobsError):
                self._http.call("POST", "/jobs/release", {"token": key}, timeout=RELEASE_TIMEOUT)

    # ---- Jobs

    def _work(self) -> None:
        """One slot."""
        while (job := self._begun.get()) is not None:
            try:
                log.info("Begun: %s", job, extra={"job": job.id})
                end = self._outcome(job)
                job.is_ending = True
                self._report(job, end)
            except Exception:
                log.exception("Its lease will end: %s", job, extra={"job": job.id})
            finally:
                with self._changed:
                    self._running.discard(job)
                    self._changed.notify_all()

    def _outcome(self, job: Job) -> dict[str, Any] | None:
        """How the function ended, as the item of a report; None where the job is lost."""
        try:
            result = self._function(job)
            if not (result is None or isinstance(result, dict)):
                raise TypeError(f"the result is a {type(result).__name__}, not a dict")
            json_bytes(result)
            return {"action": "complete", "result": result}
        except LeaseLost:
            return None
        except Retry as error:
            return {"action": "fail", "reason": _clean(str(error), REASON_MAX), "retry_in": error.in_seconds}
        except Fail as error:
            return {"action": "fail", "reason": _clean(str(error), REASON_MAX), "retry_in": "never"}
        except Release as error:
            return {"action": "release", "in": error.in_seconds}
        except BaseException as error:  # whatever it is, SystemExit too, it is this job's failure
            log.exception("The function raised: %s", job, extra={"job": job.id})
            return {"action": "fail", "reason": _clean(f"{type(error).__name__}: {error}", REASON_MAX)}

    def _report(self, job: Job, end: dict[str, Any] | None) -> None:
        """Tell the server, over and over, for as long as the job is held; a lost job is never reported."""
        pauses = _pauses(self._lease / 3)
        while end is not None and not job.is_lost():
            item = {"id": job.id, "token": job.token, **end}
            try:
                ((status, detail),) = self._told([item])
                if status == 200:
                    why = f" ({end['reason']})" if "reason" in end else ""
                    log.info("Reported: %s: %s%s", job, end["action"], why, extra={"job": job.id})
                    return
                job.lose(detail)
            except JobsError as error:
                log.warning("A report failed and is repeated: %s: %s", job, error, extra={"job": job.id})
                if isinstance(error, Refused) and error.status in (400, 413, 422):
                    reason = _clean(f"its report was refused: {error}", REASON_MAX)
                    # A result that is not taken would not be taken the next time.
                    end = {"action": "fail", "reason": reason, "retry_in": "never" if "result" in end else None}
                job.wait_until_lost(next(pauses))
        log.warning("Lost: %s: %s", job, job.why_lost, extra={"job": job.id})

    def _told(self, items: list[dict[str, Any]]) -> list[tuple[int, str]]:
        """Report these; the status and the detail of each. Several reports may fail in one lease."""
        timeout = min(TIMEOUT, max(1.0, self._lease / 6))
        told = _many(self._http.call("POST", "/jobs/report", body=items, timeout=timeout), "status")
        if len(told) != len(items):
            raise NotUnderstood(told)
        return [(item["status"], str(item.get("detail"))) for item in told]

    # ---- Heartbeats

    def _beat_all(self) -> None:
        pauses = _pauses()
        while not self._is_over:
            with self._changed:
                due = [job for job in self._running if job.is_due() and not job.is_lost()][:ITEMS_MAX]
            if not due or self._beat(due):
                pauses = _pauses(max(PAUSE_FIRST, self._lease / 10))
                pause = 0.0 if due else min(1.0, self._lease / 10)
            else:
                pause = next(pauses)
            with self._changed:
                self._changed.wait(pause)

    def _beat(self, due: Sequence[Job]) -> bool:
        """Prolong the leases of these jobs by one call; whether it was answered."""
        sent = _now()
        try:
            told = self._told([job.heartbeat() for job in due])
        except Exception as error:  # whatever it is, the next one may be answered
            log.warning("A heartbeat failed and is repeated: %s", error)
            if isinstance(error, Refused) and error.status == 422:
                for job in due:
                    job.forget_progress()
            return False
        for job, (status, detail) in zip(due, told):
            if status == 200:
                job.held_since(sent)
            elif not job.is_ending:  # else its report is answered, or was, and says what holds
                job.lose(detail)
        return True
