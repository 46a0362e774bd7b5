"""The spans of time that a list can be of: one that ends now, or one between two times."""

from datetime import datetime, timedelta
from enum import StrEnum


class When(StrEnum):
    """A span that ends now; the value stands in the address. It begins with a whole minute."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    TODAY = "today"

    def since(self, now: datetime) -> datetime:
        """When it began."""
        if self is When.TODAY:
            return now.replace(hour=0, minute=0, second=0, microsecond=0)
        return now.replace(second=0, microsecond=0) - _LENGTHS[self]


_LENGTHS = {When.HOUR: timedelta(hours=1), When.DAY: timedelta(hours=24), When.WEEK: timedelta(days=7)}

BETWEEN = "between"  # two times, which the address has too

# As the form offers them, and as a sentence goes on.
NAMES = {When.HOUR: "Last hour", When.DAY: "Last 24 hours", When.WEEK: "Last 7 days", When.TODAY: "Today, UTC"}
WORDS = {
    When.HOUR: "in the last hour",
    When.DAY: "in the last 24 hours",
    When.WEEK: "in the last 7 days",
    When.TODAY: "since 00:00 UTC today",
}
