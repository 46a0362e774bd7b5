"""How gunicorn serves us. HOST, PORT and WEB_CONCURRENCY; the other settings are in dashboard/config.py."""

import ctypes
import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from gevent import Timeout, idle
from gunicorn import util

PR_SET_PDEATHSIG = 1  # prctl(2)
YIELD_MAX = 0.005  # seconds that a connection lets others go first


# By its path: the package must be imported in the workers only, after gevent has patched what it uses.
ours = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "dashboard" / "config.py")))
try:
    settings = ours.Settings.from_environ(os.environ)
    port = ours.whole_number(os.environ, "PORT", 8080, least=1, most=65_535)
    workers = ours.worker_processes(os.environ)
except ours.SettingsError as error:
    sys.exit(f"Cannot start: {error}")

bind = f"{ours.bound_host(os.environ)}:{port}"
wsgi_app = "wsgi:app"

# Greenlets: a client that sends slowly, or keeps its connection, costs no thread; gthread with 8 threads answers nobody
# once 8 have sent half a request. More processes use more cores; the order of claims is the same with any number.
worker_class = "gevent"
worker_connections = 1_000  # a process

# A reason is sent in the request line.
limit_request_line = 8_190

# A stop or a reload lets each request that has begun be answered.
graceful_timeout = 30
keepalive = 5

# A worker's heartbeat file must not wait for a disk, and the root file system may be read-only.
if Path("/dev/shm").is_dir():  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True

# Who stands in front of us is TRUSTED_PROXIES' business, not gunicorn's.
forwarded_allow_ips = ""


def refuse(connection, status, reason, sentence):
    """What gunicorn refuses before we see it gets the shape and the headers of our own refusals."""
    body = json.dumps({"detail": sentence or reason}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
        "Referrer-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n\r\n"
    )
    util.write_nonblock(connection, head.encode("latin-1") + body)


util.write_error = refuse


def post_fork(server, worker):
    """A worker must not outlive a master that was killed: it would go on holding the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def post_request(worker, req, environ, resp):
    """Let the other connections go on: one whose next request is there already would never wait for anything.

    Those with an event that is due go first, such as a commit that is done: 8 connections that create beside 4 that
    read make half to two thirds of what they make alone. With sleep(0), which puts the event loop off, it was a tenth.
    But beside a flood of new connections an event is always due, so it waits for no longer than a few commits take.
    """
    with Timeout(YIELD_MAX, False):
        idle()


def on_starting(server):
    """Refuse to start where others could reach us and nobody would be asked who he is, or where no worker could."""
    try:
        for address in server.cfg.address:
            settings.check_address(address if isinstance(address, str) else address[0])
    except ours.SettingsError as error:
        sys.exit(f"Cannot start: {error}")
    if server.app.app_uri == wsgi_app:
        # In a process that ends: what it imports must not be in a worker before gevent has patched it. What stops the
        # start is said once then, and not by every worker; and one process brings the schema up to date for all.
        check = [sys.executable, Path(__file__).with_name("wsgi.py")]
        if code := subprocess.run(check, user=server.cfg.uid, group=server.cfg.gid, check=False).returncode:  # noqa: S603
            sys.exit(code)


def when_ready(server):
    server.log.info("The dashboard is at http://%s/dashboard/", server.cfg.bind[0])
