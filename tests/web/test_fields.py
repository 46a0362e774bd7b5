"""The fields that WTForms does not have."""

import pytest
from werkzeug.datastructures import MultiDict
from wtforms import Form, StringField

from dashboard.web.fields import JsonObjectField, WholeNumberField, no_nul, whole_numbers


class Fields(Form):
    json = JsonObjectField()
    number = WholeNumberField(validators=[whole_numbers(1, 5_000)])
    text = StringField(validators=[no_nul])


def filled(**given: str) -> Fields:
    return Fields(MultiDict({"number": "1"} | given))


@pytest.mark.parametrize(
    ("typed", "data"), [("", None), (" \n", None), ("{}", "{}"), (' {"a": [1, "é"]} ', '{"a":[1,"é"]}')]
)
def test_a_json_object_is_kept_as_compact_text_and_nothing_is_none(typed: str, data: str | None) -> None:
    form = filled(json=typed)
    assert form.validate()
    assert form.json.data == data


@pytest.mark.parametrize(
    ("typed", "says"), [("{", "Not valid JSON: "), ("null", "a JSON object"), ('"a"', "a JSON object")]
)
def test_what_is_not_a_json_object_is_refused_and_drawn_as_it_was_typed(typed: str, says: str) -> None:
    form = filled(json=typed)
    assert not form.validate()
    assert says in form.json.errors[0]
    assert typed.replace('"', "&#34;") in form.json()


@pytest.mark.parametrize(("typed", "number"), [("1", 1), (" 5000 ", 5_000), ("0012", 12)])
def test_a_whole_number_is_plain_digits(typed: str, number: int) -> None:
    form = filled(number=typed)
    assert form.validate()
    assert form.number.data == number


@pytest.mark.parametrize("typed", ["", "1_0", "1.0", "1e3", "٣", "+1", "9" * 20])
def test_anything_else_is_not_a_whole_number(typed: str) -> None:
    form = filled(number=typed)
    assert not form.validate()
    assert form.number.errors[0] == "It must be a whole number"


@pytest.mark.parametrize("typed", ["0", "5001", "-1"])
def test_a_number_outside_its_limits_is_told_both(typed: str) -> None:
    form = filled(number=typed)
    assert not form.validate()
    assert form.number.errors == ["From 1 to 5,000"]


def test_a_nul_is_refused() -> None:
    assert not filled(text="a\0b").validate()
