"""The primary is killed under load and its standby promoted: nothing acknowledged is lost, nothing is done twice."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import faults, http
from tests.support.postgres import Postgres, wait_for_a_standby
from tests.support.server import StartServer
from tests.support.traffic import UNANSWERED, Call, Traffic
from tests.support.waiting import eventually

ROUNDS = 2
pytestmark = pytest.mark.postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    base = Path(os.environ.get("TMPDIR", "/tmp")) / f"jobs-failover-{os.getpid()}"
    base.mkdir()
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


def test_failovers_under_load_lose_nothing_and_hand_out_nothing_twice(folder: Path, start_server: StartServer) -> None:
    places = [folder / "1", folder / "2"]
    calls: list[Call] = []
    with Postgres(places[0]) as first:
        first.create("jobs")
        primary = first
        url = f"postgresql://postgres@/jobs?host={places[0]}&host={places[1]}"
        server = start_server(url, WEB_CONCURRENCY="2")
        try:
            for number in range(ROUNDS):
                place = places[(number + 1) % 2]
                shutil.rmtree(place, ignore_errors=True)
                standby = Postgres(place, primary=primary)
                standby.start()
                wait_for_a_standby(primary)
                with Traffic([server.url], calls):
                    faults.wait_for_calls(calls)
                    primary.kill()
                    faults.wait_for_calls(calls, lambda call: call.status == 503)
                    with standby.connect() as connection:
                        connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
                        connection.execute("SELECT pg_reload_conf()")
                        connection.execute("SELECT pg_promote()")
                    faults.wait_for_calls(calls)
                eventually(lambda: http.get(f"{server.url}/readyz").status_code == 200, "it is ready")
                assert {call.status for call in calls} <= {UNANSWERED, 200, 201, 400, 404, 503}
                faults.nothing_is_lost(calls, server, standby.url("jobs"), unsure=(UNANSWERED, 503))
                primary = standby
        finally:
            server.stop()
            primary.stop()
