"""Times as clients write them."""

from datetime import UTC, datetime, timedelta
from re import fullmatch

from dashboard.core.job import utc_now
from dashboard.core.run import AHEAD_MAX

# A regular expression of the whole text.
ISO = (
    "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
    "(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?"
)


class NotATimeError(ValueError):
    """The text has another form."""


def parse_time(text: str) -> datetime:
    """The UTC time that is meant by a date and time in ISO 8601; without a zone it is UTC.

    Raises NotATimeError, or a ValueError whose sentence says what is wrong with the time.
    """
    if not fullmatch(ISO, text):
        raise NotATimeError
    try:
        time = datetime.fromisoformat(text)
        time = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):
        raise ValueError("there is no such date and time") from None
    if time > utc_now() + timedelta(seconds=AHEAD_MAX):
        raise ValueError("a time is at most ten years ahead")
    return time
