"""What people and named tokens do, as it is kept: everything but a worker's routine."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Did(StrEnum):
    """What was done."""

    CREATE = "create"
    CLAIM = "claim"
    PROCESS = "process"
    COMPLETE = "complete"
    FAIL = "fail"
    UNDO = "undo"
    RETRY = "retry"
    DELETE = "delete"
    BULK_RETRY = "bulk_retry"
    BULK_FAIL = "bulk_fail"
    BULK_PRIORITY = "bulk_priority"
    BULK_UNDO = "bulk_undo"
    PAUSE = "pause"
    RESUME = "resume"
    IMPORT = "import"
    SHARE_VIEW = "share_view"
    DELETE_VIEW = "delete_view"  # one that all shared
    SIGN_IN = "sign_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_OUT = "sign_out"
    REFUSED = "refused"  # by the role; of one minute, route and name the first


# What a page says of each.
DID = {
    Did.CREATE: "Created",
    Did.CLAIM: "Claimed",
    Did.PROCESS: "Started",
    Did.COMPLETE: "Completed",
    Did.FAIL: "Failed",
    Did.UNDO: "Called off",
    Did.RETRY: "Ran again",
    Did.DELETE: "Deleted",
    Did.BULK_RETRY: "Ran again all",
    Did.BULK_FAIL: "Failed all",
    Did.BULK_PRIORITY: "Changed the priority of all",
    Did.BULK_UNDO: "Undid all",
    Did.PAUSE: "Paused claims",
    Did.RESUME: "Let claims go on",
    Did.IMPORT: "Imported",
    Did.SHARE_VIEW: "Saved a view for all",
    Did.DELETE_VIEW: "Deleted a view of all",
    Did.SIGN_IN: "Signed in",
    Did.SIGN_IN_REFUSED: "Could not sign in",
    Did.SIGN_OUT: "Signed out",
    Did.REFUSED: "Was refused",
}


class Entry(NamedTuple):
    """One of them. `count` says how many jobs; `detail` has nothing secret and no payload."""

    id: int
    at: datetime
    who: str | None
    role: str | None
    action: str
    job_id: str | None
    count: int | None  # type: ignore[assignment]  # the key of the JSON, and a method of tuples
    via: str
    detail: str | None


class Sought(NamedTuple):
    """Which entries; all that is given has to hold."""

    who: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    job_id: str | None = None
