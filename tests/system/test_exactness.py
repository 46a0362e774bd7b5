"""Whatever makes a job ready again, it is next in its order for every process, however many jobs their queues hold."""

import pytest

from tests.support.app import MakeApp
from tests.support.lease_calls import ask, create, full, lease
from tests.support.leases import TOKEN, pass_time
from tests.support.server import Server, StartServer
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def warm_servers(lasting_url: str, start_lasting_server: StartServer) -> list[Server]:
    """Four processes on one database with 10,000 ready jobs, which their queues know."""
    servers = [start_lasting_server(lasting_url, LEASE_GRACE="0") for _ in range(4)]
    for _ in range(10):
        ask(servers[0], "POST /jobs/batch", 201, json=[{"type": "t"}] * 1_000)
    for server in servers:
        ask(server, "POST /jobs/claim")
    return servers


@pytest.mark.parametrize("how", ["due", "given back", "failed", "ran out"])
def test_urgent_jobs_that_become_ready_are_next_for_every_warm_process(
    warm_servers: list[Server], lasting_url: str, make_app: MakeApp, how: str
) -> None:
    servers, token = warm_servers, f"{TOKEN}-{how.replace(' ', '-')}"
    more = {"run_at": 3_600} if how == "due" else {"max_attempts": 3}
    ranks = (1, 3, 2, 4)
    urgent = {rank: create(servers[0], priority=rank, **more) for rank in ranks}
    if how == "due":
        with make_app(lasting_url).app_context():
            pass_time(3_601)
    else:
        assert {job["id"] for job in lease(servers[1], 60, "&limit=4", token)} == set(urgent.values())
    if how == "given back":
        ask(servers[2], f"POST /jobs/release?token={token}")
    elif how == "failed":
        items = [{"id": job, "token": token, "action": "fail", "retry_in": 0} for job in urgent.values()]
        assert {item["status"] for item in ask(servers[2], "POST /jobs/report", json=items)} == {200}
    elif how == "ran out":
        with make_app(lasting_url).app_context():
            pass_time(61)  # the leases end
            eventually(lambda: full(servers[3], urgent[1])["status"] == "PENDING", "their runs ended")
            pass_time(10)  # and the backoff
    claimed = [ask(server, "POST /jobs/claim")["id"] for server in servers]
    assert claimed == [urgent[rank] for rank in (4, 3, 2, 1)]
    assert ask(servers[0], "POST /jobs/claim")["priority"] == 0
