"""The forms of the pages. Their limits are those of the API's schemas."""

from wtforms import Field, Form, HiddenField, PasswordField, SearchField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are of 3.2
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, Optional, Regexp, ValidationError

from dashboard.core.activity import DID
from dashboard.core.job import PRIORITY_MAX, TYPE_MAX, JobStatus
from dashboard.core.pause import REASON_MAX as PAUSE_REASON_MAX
from dashboard.core.reason import KEY_MAX, REASON_MAX
from dashboard.core.run import ATTEMPTS_MAX
from dashboard.core.view import NAME_MAX as VIEW_NAME_MAX
from dashboard.http.download import Format
from dashboard.services.search import PLACE
from dashboard.web.fields import JsonObjectField, SeqsField, TimeField, WholeNumberField, no_nul, whole_numbers
from dashboard.web.spans import BETWEEN, NAMES, When

SEQ_MAX = 2**63 - 1

MICROSECONDS_MAX = 253_402_300_799_999_999  # since 1970, to the end of the year 9999

SEARCH_MAX = 200  # characters

NAME_MAX, PASSWORD_MAX, ID_MAX = 100, 1_000, 36  # characters

STATUSES = [SelectChoice("", "Any"), *(SelectChoice(status, status.capitalize()) for status in JobStatus)]

SPANS = [
    SelectChoice("", "Any time"),
    *(SelectChoice(when, name) for when, name in NAMES.items()),
    SelectChoice(BETWEEN, "Between…"),
]

# The browser's own field sends nothing while a time is half typed, and is empty of itself where it is cleared.
IN_UTC = {"type": "datetime-local", "step": "any", "title": "In UTC"}

JSON_HINT = 'A JSON object, such as {"key": "value"}; may be left empty'

PRIORITY_HINT = "Higher is claimed first"

JSON_ATTRIBUTES = {"rows": 4, "spellcheck": "false", "data-json": True}


class NewJobForm(Form):
    type = StringField(
        "Type",
        [InputRequired("A job needs a type"), Length(max=TYPE_MAX), no_nul],
        description=f"1 to {TYPE_MAX} characters",
        render_kw={"list": "known-types", "autocomplete": "off", "autofocus": True},
    )
    payload = JsonObjectField("Payload", description=JSON_HINT, render_kw=JSON_ATTRIBUTES)
    priority = WholeNumberField(
        "Priority",
        [whole_numbers(0, PRIORITY_MAX)],
        default=0,
        description="0 or more; a larger number is more urgent",
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
    run_at = TimeField(
        "Run at",
        description="In UTC, such as 2030-01-31 03:00, or with a zone: 2030-01-31 03:00+01:00; empty: at once",
        render_kw={"autocomplete": "off"},
    )
    max_attempts = WholeNumberField(
        "Attempts",
        [Optional(), whole_numbers(1, ATTEMPTS_MAX)],
        description=f"How often a worker may try, 1 to {ATTEMPTS_MAX}; empty: as the first worker says",
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )


class CompleteForm(Form):
    result = JsonObjectField("Result", description=JSON_HINT, render_kw=JSON_ATTRIBUTES)


class FailForm(Form):
    reason = StringField(
        "Reason",
        description="What went wrong, for those who look at it later; may be left empty",
        render_kw={"autocomplete": "off", "autofocus": True},
    )


class PauseForm(Form):
    reason = StringField(
        "Reason",
        [Length(max=PAUSE_REASON_MAX), no_nul],
        description="Everybody reads it; may be left empty",
        render_kw={"autocomplete": "off", "autofocus": True},
    )


class ViewForm(Form):
    name = StringField(
        "Name",
        [DataRequired("A view needs a name"), Length(max=VIEW_NAME_MAX), no_nul],
        filters=[lambda text: " ".join((text or "").split())],
        description=f"1 to {VIEW_NAME_MAX} characters; a view of the same name is replaced",
        render_kw={"autocomplete": "off", "autofocus": True},
    )


class SignInForm(Form):
    name = StringField(
        "Name",
        [InputRequired("A name is needed"), Length(max=NAME_MAX), no_nul],
        render_kw={"autocomplete": "username", "autofocus": True},
    )
    password = PasswordField(
        "Password",
        [InputRequired("A password is needed"), Length(max=PASSWORD_MAX)],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class FilterForm(Form):
    """The address of the jobs page: what narrows the list, and the seq before or after which its page begins.

    A list by start has `at` too: when the job with that seq was started, in microseconds since 1970. `type` is how a
    type begins, `of_type` is all of it. `choose` gives each row a tick box. `hold` and `known` belong to a refresh,
    `format` to an export: see job_filter.
    """

    status = SelectField("Status", [Optional(strip_whitespace=False)], id="filter-status", choices=STATUSES)
    type = StringField(
        "Type",
        [Length(max=TYPE_MAX), no_nul],
        id="filter-type",
        render_kw={"list": "types", "autocomplete": "off"},
    )
    q = SearchField(
        "Search",
        [Length(max=SEARCH_MAX), no_nul],
        id="filter-q",
        render_kw={"autocomplete": "off", "data-key": "/", "placeholder": "type, id, payload or reason"},
    )
    when = SelectField(
        "Time", [Optional(strip_whitespace=False)], id="filter-when", choices=SPANS, render_kw={"aria-label": "Time"}
    )
    since = TimeField("Since", id="filter-since", render_kw=IN_UTC)
    until = TimeField("Until", id="filter-until", render_kw=IN_UTC)
    of_type = HiddenField(validators=[Length(max=TYPE_MAX), no_nul])
    reason = HiddenField(validators=[Length(max=KEY_MAX), no_nul])
    sort = HiddenField(validators=[Optional(strip_whitespace=False), AnyOf(["oldest", "shortest"])])
    choose = HiddenField(validators=[Optional(strip_whitespace=False), AnyOf(["1"])])
    before = WholeNumberField(validators=[Optional(), whole_numbers(1, SEQ_MAX)])
    after = WholeNumberField(validators=[Optional(), whole_numbers(0, SEQ_MAX - 1)])
    at = WholeNumberField(validators=[Optional(), whole_numbers(0, MICROSECONDS_MAX)])
    hold = StringField(validators=[Optional(strip_whitespace=False), Regexp(r"[0-9]{1,18}(,[0-9]{1,18}){0,99}\Z")])
    known = WholeNumberField(validators=[Optional(), whole_numbers(0, SEQ_MAX)])
    format = HiddenField(validators=[Optional(strip_whitespace=False), AnyOf([*Format])])

    def validate_after(self, _field: Field) -> None:
        if self.before.data is not None:
            raise ValidationError("The address has a before too")

    @property
    def is_between(self) -> bool:
        """Whether `since` and `until` count: a form sends what stands there also while another span is chosen."""
        return not self.when.raw_data or self.when.data == BETWEEN

    def problem(self) -> str:
        """What is wrong with the address; for a form that did not validate."""
        if self.status.errors:
            return f"There is no status {self.status.data}"
        field = next(field for field in self if field.errors)
        return f"The {field.name} in the address is not valid: {field.errors[0]}"


class ActivityForm(Form):
    """The address of the activity page: what narrows it, and the entry before which its page begins.

    `known` belongs to a refresh that holds its rows: the newest entry that it knows.
    """

    who = StringField("Who", [Length(max=NAME_MAX), no_nul], render_kw={"list": "names", "autocomplete": "off"})
    action = SelectField(
        "Did",
        [Optional(strip_whitespace=False)],
        choices=[SelectChoice("", "Anything"), *(SelectChoice(did, word) for did, word in DID.items())],
    )
    since = TimeField("Since", render_kw={"autocomplete": "off", "placeholder": "2030-01-31 03:00"})
    until = TimeField("Until", render_kw={"autocomplete": "off", "placeholder": "2030-01-31 04:00"})
    job_id = HiddenField(validators=[Length(max=ID_MAX), no_nul])
    before = WholeNumberField(validators=[Optional(), whole_numbers(1, SEQ_MAX)])
    known = WholeNumberField(validators=[Optional(), whole_numbers(0, SEQ_MAX)])

    def problem(self) -> str:
        """What is wrong with the address; for a form that did not validate."""
        field = next(field for field in self if field.errors)
        return f"The {field.name} in the address is not valid: {field.errors[0]}"


class BulkForm(Form):
    """What is to be done to all jobs of a filter, and how far it has come: an address, and the form that is posted.

    With `seq` it is done to those jobs, and the filter is that of the list in which they were chosen.
    """

    action = StringField(validators=[Optional(strip_whitespace=False), AnyOf(["retry", "fail", "priority", "undo"])])
    status = StringField(validators=[Optional(strip_whitespace=False), AnyOf([*JobStatus])])
    type = StringField(validators=[Length(max=TYPE_MAX), no_nul])
    of_type = StringField(validators=[Length(max=TYPE_MAX), no_nul])
    q = StringField(validators=[Length(max=SEARCH_MAX), no_nul])
    reason = StringField(validators=[Length(max=KEY_MAX), no_nul])
    when = StringField(validators=[Optional(strip_whitespace=False), AnyOf([*When])])
    since = TimeField()
    until = TimeField()
    seq = SeqsField()
    priority = WholeNumberField("New priority", [Optional(), whole_numbers(0, PRIORITY_MAX)], description=PRIORITY_HINT)
    why = StringField("Reason", [Length(max=REASON_MAX), no_nul], description="May be left empty")
    key = StringField(validators=[Optional(strip_whitespace=False), Regexp(r"[0-9a-f-]{36}\Z")])
    after = StringField(validators=[Optional(strip_whitespace=False), Regexp(rf"{PLACE}\Z")])
    of = WholeNumberField(validators=[Optional(), whole_numbers(0, SEQ_MAX)])
    done = WholeNumberField(validators=[Optional(), whole_numbers(0, SEQ_MAX)])
    skipped = WholeNumberField(validators=[Optional(), whole_numbers(0, SEQ_MAX)])
    is_done = StringField(validators=[Optional(strip_whitespace=False), AnyOf(["1"])])

    def problem(self) -> str:
        """What is wrong with it; for a form that did not validate."""
        field = next(field for field in self if field.errors)
        return f"The {field.name} is not valid: {field.errors[0]}"
