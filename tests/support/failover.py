"""A primary that is killed under load, and its synchronous standby that is promoted."""

import shutil
from pathlib import Path

from tests.support import faults, http
from tests.support.postgres import Postgres, wait_for_a_standby
from tests.support.server import Server
from tests.support.traffic import UNANSWERED, Call, Traffic
from tests.support.verdict import Acknowledged
from tests.support.waiting import eventually


def fail_over(folder: Path, rounds: int) -> Acknowledged:
    """kill -9 of the primary and promotion of its standby: 503 meanwhile, and nothing is lost or done twice."""
    places = [folder / "1", folder / "2"]
    calls: list[Call] = []
    with Postgres(places[0]) as primary:
        primary.create("jobs")
        url = f"postgresql://postgres@/jobs?host={places[0]}&host={places[1]}"
        server = Server(folder / "log", {"DATABASE_URL": url, "WEB_CONCURRENCY": "2"}).start()
        try:
            for number in range(rounds):
                place = places[(number + 1) % 2]
                shutil.rmtree(place, ignore_errors=True)
                standby = Postgres(place, primary=primary)
                standby.start()
                wait_for_a_standby(primary)
                with Traffic([server.url], calls):
                    faults.wait_for_calls(calls)
                    primary.kill()
                    faults.wait_for_calls(calls, lambda call: call.status == 503)
                    _promote(standby)
                    faults.wait_for_calls(calls)
                primary = standby
                eventually(lambda: http.get(f"{server.url}/readyz").status_code == 200, "it is ready")
                assert {call.status for call in calls} <= {UNANSWERED, 200, 201, 400, 404, 503}
                checked = faults.nothing_is_lost(calls, server, primary.url("jobs"), unsure=(UNANSWERED, 503))
        finally:
            server.stop()
            primary.stop()
    return checked


def _promote(standby: Postgres) -> None:
    with standby.connect() as connection:
        connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("SELECT pg_promote()")
