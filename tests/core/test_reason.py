"""What is stored of a failure, and which failures are one group."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.core.reason import KEY_MAX, REASON_MAX, failure, reason_key

KEYS = {
    "timed out after 30 s": "timed out after # s",
    "timed out after 2.5 s\nTraceback: …": "timed out after # s",
    "  \n no such user 'ada' \n": "no such user #",
    'no such user "ada\'s"': "no such user #",
    "can't reach the server's port 8080": "can't reach the server's port #",
    "job 0199a3c4-7b1e-7000-8000-00000000abcd is gone": "job # is gone",
    "commit 3f2a91bc of 0xDEADBEEF": "commit # of #",
    "a facade of decade": "a facade of decade",
    "10.0.0.1:5432 refused": "# refused",
    "too\tmany   spaces": "too many spaces",
    "": "",
    " \n ": "",
    "٣ jobs": "# jobs",
}


@pytest.mark.parametrize("reason", KEYS)
def test_a_key_is_the_first_line_without_what_differs_each_time(reason: str) -> None:
    assert reason_key(reason) == KEYS[reason]


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.text() | st.text("ab1'\"`#x0f- .\n", max_size=60))
def test_the_key_of_a_key_is_that_key(reason: str) -> None:
    key = reason_key(reason)
    assert reason_key(key) == key
    assert len(key) <= KEY_MAX


def test_the_column_has_the_beginning_and_the_result_all_of_it() -> None:
    stored = failure("x" * 5_000)
    assert stored.reason == "x" * REASON_MAX
    assert json.loads(stored.result or "") == {"reason": "x" * 5_000}


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_a_reason_there_is_no_result_and_the_key_is_empty(nothing: str | None) -> None:
    assert failure(nothing) == (None, None, "")
