"""JSON as a page shows it: indented, and no more of it than is shown."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashboard.core.job import json_text
from dashboard.web.pretty import SHOWN, pretty
from tests.support.app import MakeApp

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)
DEEP = {"deep": [json.loads("[" * 188 + "]" * 188)] * 2_600}  # 980 kB, which are 187 MB indented
HUGE: dict[str, dict[str, Any]] = {
    "deep": DEEP,
    "one string": {"text": 'x\\"😀' * 150_000},
    "numbers": {"numbers": [0] * 490_000},
    "empty ones": {"empty": [{}, []] * 160_000},
}


@given(st.dictionaries(st.text(), VALUES))
@example({"": {"": [], "a": {}, "b": [[]]}, '"\\': "\\", "\\": '{"a": [1, 2]}', "c": "\n\0\u2028"})
@settings(deadline=None)
def test_json_is_indented_as_python_does_it(value: dict[str, Any]) -> None:
    whole = json.dumps(value, ensure_ascii=False, indent=2)
    assert pretty(json_text(value) or "") == (whole[:SHOWN], len(whole) > SHOWN)


@pytest.mark.parametrize("size", [SHOWN - 1, SHOWN, SHOWN + 1])
def test_there_is_more_if_and_only_if_something_was_cut(size: int) -> None:
    value = {"a": "x" * (size - len('{\n  "a": ""\n}'))}
    assert pretty(json_text(value) or "") == (json.dumps(value, indent=2)[:SHOWN], size > SHOWN)


@pytest.mark.parametrize("name", HUGE)
def test_of_a_huge_payload_no_more_is_made_than_is_shown(name: str) -> None:
    text = json_text(HUGE[name]) or ""
    beginning = json.dumps(HUGE[name] if name != "deep" else {"deep": DEEP["deep"][:1]}, ensure_ascii=False, indent=2)
    tracemalloc.start()
    shown, is_cut = pretty(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (shown, is_cut) == (beginning[:SHOWN], True)
    assert peak < 3_000_000


def test_a_page_of_a_huge_payload_is_small_and_links_to_the_whole(make_app: MakeApp, sqlite_url: str) -> None:
    client = make_app(sqlite_url).test_client()
    job = client.post("/jobs", json={"type": "deep", "payload": DEEP}).get_json()
    page = client.get(f"/dashboard/jobs/{job['id']}").text
    assert len(page) < 60_000
    assert f'href="/jobs/{job["id"]}">see the whole' in page
    assert client.get(f"/jobs/{job['id']}").get_json()["payload"] == DEEP
