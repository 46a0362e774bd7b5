"""What is kept of an output: all of a short one, the beginning and the end of a long one."""

from random import Random
from typing import Any

import pytest

from dashboard.cli.captured import ENVELOPE, PART, WHOLE, Captured


def captured(data: bytes, most: int = 2 * PART) -> Captured:
    """In pieces of any length."""
    seed = Random().randrange(10**6)
    print(f"pieces with the seed {seed}")
    rng, kept = Random(seed), Captured(most)
    while data:
        cut = rng.choice((1, 100, 65_536))
        kept.add(data[:cut])
        data = data[cut:]
    return kept


@pytest.mark.parametrize("most", [2 * PART, 10 * PART])
@pytest.mark.parametrize("more", [0, 1, 2 * PART, 20 * PART])
def test_the_beginning_and_the_end_are_kept(most: int, more: int) -> None:
    begin, end = b"b" * PART, b"e" * PART
    text = captured(begin + b"x" * more + end, most).text()
    left_out = f"\n[… {more} bytes …]\n" if more else ""
    assert text == begin.decode() + left_out + end.decode()


def test_what_is_no_text_is_kept_as_one() -> None:
    assert captured(b"\xff\0 \xc3\xbc").text() == "\ufffd\ufffd ü"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", ""),
        (b"\n \n", ""),
        (b"a\nb", "b"),
        (b"10 %\r20 %\rno space left\r\n", "no space left"),
        (b"a\n b \n\n", "b"),
        (b"x" * 9 * PART + b"\nend\n", "end"),
    ],
)
def test_the_last_line_is_the_last_one_with_something_in_it(data: bytes, line: str) -> None:
    assert captured(data).last_line() == line


def nested(levels: int) -> list[Any]:
    return [nested(levels - 1)] if levels > 1 else []


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, "\xc3\xbc"]}\n', {"a": [1, "ü"]}),
        (b"{}", {}),
        *((data, None) for data in (b"", b"[1]", b"null", b'{"a": NaN}', b'{"a": 1} {"b": 2}', b"\xff", b"[" * 9_999)),
        *((data, None) for data in (b'{"a": "\\ud800"}', b'{"a": 1e999}', b'{"a": %s}' % (b"9" * 5_000))),
        (b'{"a": ' + b"[" * 189 + b"]" * 189 + b"}", {"a": nested(189)}),
        (b'{"a": ' + b"[" * 190 + b"]" * 190 + b"}", None),
    ],
)
def test_a_json_object_is_all_of_the_output(data: bytes, value: object) -> None:
    assert captured(data).json_object() == value


def test_a_json_object_that_is_too_long_for_a_request_is_a_text() -> None:
    begin, end = b'{"a": "', b'"}'
    longest = WHOLE - ENVELOPE - len(begin + end)
    assert captured(begin + b"x" * longest + end, most=WHOLE).json_object()
    assert captured(begin + b"x" * (longest + 1) + end, most=WHOLE).json_object() is None
    assert captured(begin + b"\\u001f" * 160_000 + end, most=WHOLE).json_object()


def test_a_json_object_may_be_longer_than_what_is_kept_of_a_text() -> None:
    data = b'{"a": "' + b"x" * 5 * PART + b'"}'
    assert captured(data, most=10 * PART).json_object() == {"a": "x" * 5 * PART}
    assert captured(data).json_object() is None
