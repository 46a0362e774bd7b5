"""Calls of the nine keys, recorded before there were leases, are answered as then, whatever other clients do."""

from pathlib import Path

from tests.support import http
from tests.support.corpus import Exchange, form, read, repeat
from tests.support.crowd import Crowd
from tests.support.factory import EXAMPLE
from tests.support.server import Server
from tests.support.waiting import eventually

# Recorded from the version before, on SQLite. It is never recorded anew: these answers are the contract.
CORPUS = read(Path(__file__).with_name("corpus.json"))
CLIENTS = 20
OFTEN = 5
USED = {
    *("batch", "create", "claim many", "claim", "wait for an end", "heartbeat", "release all", "list", "workers"),
    *("complete", "fail", "fail now", "release", "report", "retry"),
}


def test_a_client_of_the_nine_keys_is_answered_byte_by_byte_as_ever(server_of_each: Server) -> None:
    with http.Client(base_url=server_of_each.url) as client:
        assert repeat(client, CORPUS["alone"]) == CORPUS["alone"]


def test_nor_does_an_answer_change_its_form_while_others_use_leases_on_the_same_types(server_of_each: Server) -> None:
    with http.Client(base_url=server_of_each.url) as client, Crowd(server_of_each.url, CLIENTS) as crowd:
        eventually(lambda: {name for name, count in crowd.calls.items() if count >= OFTEN} >= USED, "all use all")
        for _ in range(4):
            client.post("/jobs", json=EXAMPLE)
        for _ in range(3):
            for found, recorded in zip(repeat(client, CORPUS["among others"]), CORPUS["among others"], strict=True):
                assert_alike(found, recorded)


def assert_alike(found: Exchange, recorded: Exchange) -> None:
    """The same bytes; where they depend on others' jobs, the same keys in their order, with values of their kinds."""
    if not recorded.varies:
        assert found == recorded
        return
    assert (found.status, list(found.headers)) == (recorded.status, list(recorded.headers))
    told = form(recorded.answer)
    for keys, kinds in form(found.answer).items():
        assert keys in told, f"{recorded.call} has the keys {keys}"
        for key, some in kinds.items():
            assert some <= told[keys][key], f"{key} of {recorded.call} is {some}"
