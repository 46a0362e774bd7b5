"""Fields of forms that WTForms does not have. JSON is parsed by the parser of the API."""

from datetime import datetime
from re import fullmatch
from typing import Any

from wtforms import Field, Form, IntegerField, TextAreaField
from wtforms.validators import NumberRange, ValidationError
from wtforms.widgets import TextInput

from dashboard.core.job import json_text
from dashboard.core.times import NotATimeError, parse_time
from dashboard.http.json_text import parse_json

CHOSEN_MAX = 100  # jobs; a page shows half as many


class JsonObjectField(TextAreaField):
    """A JSON object or nothing; `data` is its compact text, or None."""

    def _value(self) -> str:
        return str(self.raw_data[0]) if self.raw_data else ""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        if not valuelist or not valuelist[0].strip():
            return
        try:
            value = parse_json(valuelist[0].encode())
            self.data = json_text(value)
        except ValueError as error:
            raise ValueError(f"Not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise ValueError('It must be a JSON object, such as {"key": "value"}, or empty')


class TimeField(Field):
    """A date and time, or nothing; `data` is it in UTC, or None.

    As text: of a date and time that is half typed the browser's own field sends nothing, and the job would run at once.
    """

    widget = TextInput()
    data: datetime | None

    def _value(self) -> str:
        return str(self.raw_data[0]) if self.raw_data else str(self.data or "")

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        typed = valuelist[0].strip() if valuelist else ""
        if not typed:
            return
        try:
            self.data = parse_time(typed)
        except NotATimeError:
            raise ValueError("It must be a date and time, such as 2030-01-31 03:00, or empty") from None
        except ValueError as error:
            raise ValueError(str(error).capitalize()) from None


class WholeNumberField(IntegerField):
    """Plain digits only: int() takes 1_000 and the digits of other scripts, too."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        if valuelist and not fullmatch(r"-?[0-9]{1,19}", valuelist[0].strip()):
            self.data = None
            raise ValueError("It must be a whole number")
        super().process_formdata(valuelist)


class SeqsField(Field):
    """The seqs of chosen jobs, each a value of its own, as tick boxes send them; `data` is a tuple of numbers."""

    data: tuple[int, ...]

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = ()
        if len(valuelist) > CHOSEN_MAX:
            raise ValueError(f"Choose at most {CHOSEN_MAX} jobs")
        if not all(fullmatch("[0-9]{1,18}", value) for value in valuelist):
            raise ValueError("It must be a whole number")
        self.data = tuple(sorted({int(value) for value in valuelist}))

    def process_data(self, value: Any) -> None:
        self.data = value or ()


def whole_numbers(least: int, most: int) -> NumberRange:
    """A validator whose message names both ends."""
    return NumberRange(least, most, f"From {least:,} to {most:,}")


def no_nul(_form: Form, field: Field) -> None:
    """A validator: PostgreSQL stores no NUL."""
    if "\x00" in (field.data or ""):
        raise ValidationError("A NUL character cannot be stored")
