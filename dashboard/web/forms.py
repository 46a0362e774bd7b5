"""WTForms: what people type. Limits are those of the schemas; JSON is parsed by the same parser as a script's."""

from re import fullmatch
from typing import Any

from wtforms import (
    Field,
    Form,
    HiddenField,
    IntegerField,
    PasswordField,
    SearchField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are of 3.2
from wtforms.validators import AnyOf, InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from dashboard.core.job import PRIORITY_MAX, TYPE_MAX, JobStatus, json_text
from dashboard.http.json_text import parse_json

SEQ_MAX = 2**63 - 1

SEARCH_MAX = 200  # characters

NAME_MAX, PASSWORD_MAX = 100, 1_000  # characters

STATUSES = [SelectChoice("", "Any"), *(SelectChoice(status, status.capitalize()) for status in JobStatus)]

JSON_HINT = 'A JSON object, as {"key": "value"}, or nothing'

JSON_ATTRIBUTES = {"rows": 6, "spellcheck": "false", "data-json": True}


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
            raise ValueError(f"This is no JSON: {error}") from None
        if not isinstance(value, dict):
            raise ValueError('This must be a JSON object, as {"key": "value"}, or nothing')


class WholeNumberField(IntegerField):
    """Plain digits only: int() takes 1_000 and the digits of other scripts, too."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        if valuelist and not fullmatch(r"-?[0-9]{1,19}", valuelist[0].strip()):
            self.data = None
            raise ValueError("This must be a whole number, an integer")
        super().process_formdata(valuelist)


def _no_nul(_form: Form, field: Field) -> None:
    if "\x00" in (field.data or ""):
        raise ValidationError("A NUL character cannot be stored")


class NewJobForm(Form):
    type = StringField(
        "Type",
        [InputRequired("A job needs a type"), Length(max=TYPE_MAX), _no_nul],
        description=f"1 to {TYPE_MAX} characters",
        render_kw={"list": "known-types", "autocomplete": "off", "autofocus": True},
    )
    payload = JsonObjectField("Payload", description=JSON_HINT, render_kw=JSON_ATTRIBUTES)
    priority = WholeNumberField(
        "Priority",
        [NumberRange(0, PRIORITY_MAX)],
        default=0,
        description="0 or more; a larger number is more urgent",
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )


class CompleteForm(Form):
    result = JsonObjectField("Result", description=JSON_HINT, render_kw=JSON_ATTRIBUTES)


class FailForm(Form):
    reason = StringField(
        "Reason",
        description="What went wrong, for whoever looks at it later; may be left out",
        render_kw={"autocomplete": "off", "autofocus": True},
    )


class SignInForm(Form):
    name = StringField(
        "Name",
        [InputRequired("Who are you?"), Length(max=NAME_MAX), _no_nul],
        render_kw={"autocomplete": "username", "autofocus": True},
    )
    password = PasswordField(
        "Password",
        [InputRequired("A password is needed"), Length(max=PASSWORD_MAX)],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class FilterForm(Form):
    """The jobs page's query: what to look for, and the place in the list as a seq before or after which it begins.

    `hold` and `since` are a refresh's: see loaders.board.
    """

    status = SelectField("Status", [Optional(strip_whitespace=False)], id="filter-status", choices=STATUSES)
    type = StringField(
        "Type",
        [Length(max=TYPE_MAX), _no_nul],
        id="filter-type",
        render_kw={"list": "types", "autocomplete": "off"},
    )
    q = SearchField(
        "Search",
        [Length(max=SEARCH_MAX), _no_nul],
        id="filter-q",
        render_kw={"autocomplete": "off", "data-key": "/", "placeholder": "type, id or payload"},
    )
    sort = HiddenField(validators=[Optional(strip_whitespace=False), AnyOf(["oldest"])])
    before = WholeNumberField(validators=[Optional(), NumberRange(1, SEQ_MAX)])
    after = WholeNumberField(validators=[Optional(), NumberRange(0, SEQ_MAX - 1)])

    def validate_after(self, field: Field) -> None:
        if self.before.data is not None:
            raise ValidationError("It cannot stand beside before")

    hold = StringField(validators=[Optional(strip_whitespace=False), Regexp(r"[0-9]{1,18}(,[0-9]{1,18}){0,99}\Z")])
    since = WholeNumberField(validators=[Optional(), NumberRange(0, SEQ_MAX)])
