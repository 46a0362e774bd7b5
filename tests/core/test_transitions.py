"""The table of the state machine: what it allows, and that each action has the words that the pages need."""

from datetime import datetime

import pytest

from dashboard.core.errors import ActionRefusedError
from dashboard.core.job import JobStatus
from dashboard.core.transitions import ARRIVED, FINAL, JOB_ACTIONS, RETRY, RULES, TRANSITIONS, Action, allowed
from tests.support.factory import MOVES


def test_the_table_says_what_the_contract_draws() -> None:
    assert {(action, source): rule.target for action, rule in TRANSITIONS.items() for source in rule.sources} == MOVES


def test_every_action_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Action)


@pytest.mark.parametrize("status", JobStatus)
def test_a_job_offers_what_the_table_allows_in_its_status(status: JobStatus) -> None:
    moves: list[str] = [action for action in JOB_ACTIONS if (action, status) in MOVES]
    assert allowed(status) == (moves or [RETRY])


def test_a_leased_job_is_not_offered_to_be_completed() -> None:
    assert allowed(JobStatus.RUNNING, is_leased=True) == [Action.FAIL]


def test_what_ended_is_final() -> None:
    assert {JobStatus.COMPLETED, JobStatus.FAILED} == FINAL


@pytest.mark.parametrize("action", [Action.CLAIM, *JOB_ACTIONS, Action.UNDO, RETRY])
def test_an_action_that_the_pages_offer_has_words_of_its_own(action: str) -> None:
    words = [(rule.label, rule.done) for rule in RULES.values()]
    assert words.count((RULES[action].label, RULES[action].done)) == 1
    assert all((RULES[action].label, RULES[action].done))


def test_only_an_action_that_asks_first_warns() -> None:
    assert all(rule.asks for rule in TRANSITIONS.values() if rule.danger)


@pytest.mark.parametrize(
    ("status", "came"),
    [("PENDING", "created"), ("RUNNING", "started"), ("COMPLETED", "completed"), ("FAILED", "failed")],
)
def test_a_refusal_names_the_status_what_led_to_it_and_the_status_that_is_needed(status: str, came: str) -> None:
    assert ARRIVED[status].lower() == came
    sentence = f"Cannot fail the job: it is {status}, not PENDING or RUNNING ({came} 2026-01-02 03:04:05 UTC)"
    assert str(ActionRefusedError(Action.FAIL, status, datetime(2026, 1, 2, 3, 4, 5))) == sentence
