"""How gunicorn serves us. HOST, PORT and WEB_CONCURRENCY are read here, other settings in dashboard/config.py."""

import ctypes
import os
import runpy
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)

bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '8080'}"
wsgi_app = "wsgi:app"

# Greenlets: a client that sends slowly, or keeps its connection, costs no thread; gthread with 8 threads answers nobody
# once 8 have sent half a request. More processes use more cores; the order of claims is the same with any number.
worker_class = "gevent"
worker_connections = 1_000  # a process
workers = int(os.environ.get("WEB_CONCURRENCY") or min(4, os.cpu_count() or 1))

# A stop or a reload lets each request that has begun be answered.
graceful_timeout = 30
keepalive = 5

# A worker's heartbeat file must not wait for a disk, and the root file system may be read-only.
if Path("/dev/shm").is_dir():  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True

# Who stands in front of us is TRUSTED_PROXIES' business, not gunicorn's.
forwarded_allow_ips = ""


def post_fork(server, worker):
    """A worker must not outlive a master that was killed: it would go on holding the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def on_starting(server):
    """Refuse to start where others could reach us and nobody would be asked who he is."""
    # By its path: the package must be imported in the workers only, after gevent has patched what it uses.
    config = runpy.run_path(str(Path(__file__).parent / "dashboard" / "config.py"))
    try:
        settings = config["Settings"].from_environ(os.environ)
        for address in server.cfg.address:
            settings.check_address(address if isinstance(address, str) else address[0])
    except config["SettingsError"] as error:
        sys.exit(f"Cannot start: {error}")


def when_ready(server):
    server.log.info("The dashboard is at http://%s/dashboard/", bind)
