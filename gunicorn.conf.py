"""How gunicorn serves us. HOST, PORT and WEB_CONCURRENCY; the other settings are in dashboard/config.py."""

import ctypes
import gc
import json
import mmap
import os
import runpy
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gevent import Timeout, idle
from gevent.server import StreamServer
from gunicorn import util
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.workers import ggevent

# This file and wsgi.py stand beside the package; a wheel has them in it.
HERE = Path(__file__).parent
PACKAGE = HERE / "dashboard" if (HERE / "dashboard").is_dir() else HERE

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.http import Request
    from gunicorn.http.wsgi import Response
    from gunicorn.workers.base import Worker

    from dashboard import config as ours  # gunicorn has a setting `config`
    from dashboard.core.numbers import PART
else:
    # By its path, not as a module: a reload reads it anew, and the workers, which are forks of this process, import the
    # package as it is then. It is also found where gunicorn runs in another folder.
    ours = SimpleNamespace(**runpy.run_path(str(PACKAGE / "config.py")))
    PART = runpy.run_path(str(PACKAGE / "core" / "numbers.py"))["PART"]

PR_SET_PDEATHSIG = 1  # prctl(2)
YIELD_MAX = 0.005  # seconds that a connection lets others go first
SPARE = 16  # processes that may end late, beside those of a reload

try:
    settings = ours.Settings.from_environ(os.environ)
    port = ours.whole_number(os.environ, "PORT", 8080, least=1, most=65_535)
    workers = ours.worker_processes(os.environ)
    drain_seconds = ours.whole_number(os.environ, "DRAIN_SECONDS", 0, least=0, most=3_600)
    is_json = ours.log_format(os.environ) is ours.LogFormat.JSON
except ours.SettingsError as error:
    sys.exit(f"Cannot start: {error}")

bind = f"{ours.bound_host(os.environ)}:{port}"
wsgi_app = "dashboard.wsgi:app" if PACKAGE == HERE else "wsgi:app"
pythonpath = str(PACKAGE.parent)

# Greenlets: a client that sends slowly, or keeps its connection, costs no thread; gthread with 8 threads answers no one
# once 8 have sent half a request. More processes use more cores; the order of claims is the same with any number.
worker_class = "gevent"
worker_connections = 2_000  # a process: twice as many as may wait for a job, so that others are served meanwhile

# A reason is sent in the request line.
limit_request_line = 8_190

# A stop or a reload lets each request that has begun be answered.
graceful_timeout = 30
keepalive = 5

# The heartbeat file of a worker must not wait for a disk, and the root file system may be read-only.
if Path("/dev/shm").is_dir():  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True

if is_json:  # gunicorn's own lines, too; dashboard/ops/logs.py has ours
    logconfig_dict = {
        "root": {"handlers": []},
        "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["error_console"], "propagate": False}},
        "formatters": {
            "generic": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": "{asctime}{levelname}{message}{process}",
                "style": "{",
                "rename_fields": {"asctime": "time", "levelname": "level"},
            }
        },
    }

# TRUSTED_PROXIES says which headers of proxies count; gunicorn reads none of them.
forwarded_allow_ips = ""


def refuse(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:
    """Give what gunicorn rejects before the application is called the shape and the headers of our own refusals."""
    body = json.dumps({"detail": mesg or reason}).encode()
    head = (
        f"HTTP/1.1 {status_int} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
        "Referrer-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode("latin-1") + body)


util.write_error = refuse


class PatientServer(StreamServer):  # type: ignore[misc]
    """Serves those who wait in the accept queue before it closes: else each of them gets a reset at every stop."""

    def __init__(self, listener: socket.socket, handle: "partial[None]", **options: Any) -> None:
        # gunicorn asks the listener for its name when it handles a connection, and by then it may be closed.
        named = SimpleNamespace(getsockname=partial(lambda name: name, listener.getsockname()))
        super().__init__(listener, handle=partial(handle.func, named), **options)

    def close(self) -> None:
        with suppress(
            OSError
        ):  # what cannot be accepted now, as for want of a descriptor, must not keep it from closing
            while not self.closed and not self.full() and (accepted := self.do_read()):
                self.do_handle(*accepted)
        super().close()


ggevent.StreamServer = PatientServer  # type: ignore[attr-defined]


def pre_fork(server: "Arbiter", worker: "Worker") -> None:
    """Give the worker the first part that no living one has of the memory that /metrics reads.

    It is made here, for the master of an earlier version has none when it loads this one.
    """
    if not hasattr(server, "numbers"):
        server.numbers = mmap.mmap(  # type: ignore[attr-defined]
            -1, (2 * server.num_workers + SPARE) * PART
        )
    taken = {other.part for other in server.WORKERS.values()}  # type: ignore[attr-defined]
    free = (part for part in range(len(server.numbers) // PART) if part not in taken)  # type: ignore[attr-defined]
    worker.part = next(free, None)  # type: ignore[attr-defined]  # None: /metrics of the others lacks its numbers


def post_fork(server: "Arbiter", worker: "Worker") -> None:
    """End the worker when its master ends, by kill -9 too: it would keep the port."""
    worker.numbers = server.numbers  # type: ignore[attr-defined]
    worker.about_to_stop = server.about_to_stop  # type: ignore[attr-defined]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    gc.disable()  # while it imports: what is made then stays, and to look for garbage in it takes a fifth of the time


def post_worker_init(worker: "Worker") -> None:
    """Serve: what was imported is kept out of garbage collections, and SIGTERM ends at once what only waits."""
    gc.enable()
    gc.collect()
    gc.freeze()  # 5 to 10 % of a request: no collection looks through what was imported
    flag: mmap.mmap = worker.about_to_stop  # type: ignore[attr-defined]
    worker.wsgi.extensions["is_about_to_stop"] = lambda: flag[0] == 1  # type: ignore[attr-defined]
    if worker.part is not None:  # type: ignore[attr-defined]
        worker.wsgi.extensions["numbers"].share(worker.numbers, worker.part)  # type: ignore[attr-defined]
    _stop_at_once(worker)


def worker_exit(server: "Arbiter", worker: "Worker") -> None:
    """Count the last requests, in the memory that outlives the worker."""
    if app := getattr(worker, "wsgi", None):  # else it has not begun
        app.extensions["traffic"].count()


def _stop_at_once(worker: "Worker") -> None:
    """SIGTERM answers the requests that wait at once: none holds up a stop for longer than an idle connection."""
    end: Any = signal.getsignal(signal.SIGTERM)

    def answer_and_end(number: int, frame: Any) -> None:
        worker.wsgi.extensions["waiting"].drain()  # type: ignore[attr-defined]
        end(number, frame)

    signal.signal(signal.SIGTERM, answer_and_end)


def pre_request(worker: "Worker", req: "Request") -> None:
    """After SIGTERM each answer is the last one of its connection.

    An answer that was begun before has told that the connection stays: to close it all the same would reset what the
    client sends next, which behind nginx failed a request or two at each stop.
    """
    if not worker.alive:
        req.force_close()


def post_request(worker: "Worker", req: "Request", environ: dict[str, Any], resp: "Response") -> None:
    """Let the other connections run: the greenlet of one whose next request is there already would never switch.

    Those with an event that is due run first, such as a commit that is done: 8 connections that create beside 4 that
    read reach half to two thirds of their rate alone, and a tenth with sleep(0), which delays the event loop. Beside a
    flood of new connections an event is always due, so it waits for no longer than a few commits take.
    """
    with Timeout(YIELD_MAX, False):
        idle()


def on_starting(server: "Arbiter") -> None:
    """Refuse to start where anyone could reach an open dashboard, or where no worker could start."""
    try:
        for address in server.cfg.address:
            settings.check_address(address[0] if isinstance(address, tuple) else str(address))
    except ours.SettingsError as error:
        sys.exit(f"Cannot start: {error}")
    if isinstance(server.app, WSGIApplication) and server.app.app_uri == wsgi_app:
        # In a process of its own: a worker must import nothing of it before gevent has patched the standard library.
        # An error that stops the start is printed once then, not by each worker, and one process migrates for all.
        # Without garbage collections, which take a fifth of its time.
        module = wsgi_app.partition(":")[0]
        program = f"import gc, sys; gc.disable(); sys.path.insert(0, {pythonpath!r}); import {module}"
        check = [sys.executable, "-P", "-c", program]  # not from the current folder
        if code := subprocess.run(check, user=server.cfg.uid, group=server.cfg.gid, check=False).returncode:  # noqa: S603
            sys.exit(code)


def _stop_later(is_about_to_stop: mmap.mmap) -> None:
    """SIGTERM first tells load balancers by /readyz, and stops DRAIN_SECONDS later; a second one stops at once."""
    stop: Any = signal.getsignal(signal.SIGTERM)

    def drain(number: int, frame: Any) -> None:
        if is_about_to_stop[0]:
            signal.alarm(0)
            stop(signal.SIGTERM, frame)
        else:
            is_about_to_stop[0] = 1
            signal.alarm(drain_seconds)

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGALRM, drain)


def when_ready(server: "Arbiter") -> None:
    flag = mmap.mmap(-1, 1)  # a byte that the workers share, those of a later reload, too
    server.about_to_stop = flag  # type: ignore[attr-defined]
    if drain_seconds:
        _stop_later(flag)
    if server.log:
        server.log.info("The dashboard is at http://%s/dashboard/", server.cfg.bind[0])
