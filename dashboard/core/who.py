"""Who acts: a person or an API token, and by which door."""

from enum import StrEnum
from typing import NamedTuple

from dashboard.core.job import Job


class Via(StrEnum):
    DASHBOARD = "dashboard"
    API = "api"
    SHELL = "shell"


class Who(NamedTuple):
    """The client of a request. Without USERS and TOKENS in the settings its name and role are None."""

    name: str | None = None
    role: str | None = None
    via: Via = Via.API

    @property
    def is_person(self) -> bool:
        """Whether a person presses the buttons; what a script does may be a worker's routine."""
        return self.via is Via.DASHBOARD

    @property
    def is_known(self) -> bool:
        """Whether what is no routine is kept: of a person, and of a token that has a name."""
        return self.is_person or self.name is not None


NOBODY = Who()


class Hands(NamedTuple):
    """The names of those who created, started and ended a job, as far as it has come."""

    created_by: str | None
    started_by: str | None
    ended_by: str | None

    def of(self, job: Job) -> str | None:
        """The name of the one who brought the job into its status; None where time did."""
        if job.completed_at:
            return self.ended_by
        return self.started_by if job.started_at else self.created_by
