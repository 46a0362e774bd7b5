"""Typed settings from the environment. A bad value stops the start with a sentence that names it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar


class SettingsError(Exception):
    """str() of it says which variable is wrong, and what it may be."""


class ClaimFrom(StrEnum):
    """Who says which job is next."""

    QUEUE = "queue"  # this process's queue: exact on SQLite, whatever the number of processes
    DATABASE = "database"  # one statement: exact on PostgreSQL, whatever the number of machines


class Durability(StrEnum):
    """What a power cut may cost."""

    FULL = "full"  # nothing that was acknowledged
    RELAXED = "relaxed"  # the last moments before it; a crash of the process alone costs nothing


@dataclass(frozen=True)
class Settings:
    """What the application reads of its environment; gunicorn.conf.py has the server's own."""

    database_url: str
    claim_from: ClaimFrom
    durability: Durability
    max_body_bytes: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read every setting, or raise SettingsError."""
        url = _database_url(environ.get("DATABASE_URL") or "sqlite:///jobs.db")
        return cls(
            database_url=url,
            claim_from=_choice(
                environ, "CLAIM_FROM", ClaimFrom.QUEUE if url.startswith("sqlite") else ClaimFrom.DATABASE
            ),
            durability=_choice(environ, "DURABILITY", Durability.FULL),
            max_body_bytes=_natural(environ, "MAX_BODY_BYTES", 1_000_000),
        )


def _database_url(url: str) -> str:
    """The URL with the driver that we ship; a relative SQLite path is taken from the instance folder."""
    scheme, separator, rest = url.partition("://")
    driver = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}.get(scheme)
    if not separator or driver is None:
        raise SettingsError("DATABASE_URL must begin with sqlite:///, postgresql:// or postgres://")
    if driver == "sqlite" and rest in ("", "/", "/:memory:"):
        raise SettingsError("DATABASE_URL must name a file: every process and connection shares it")
    return f"{driver}://{rest}"


Choice = TypeVar("Choice", bound=StrEnum)


def _choice(environ: Mapping[str, str], name: str, default: Choice) -> Choice:
    kind = type(default)
    try:
        return kind(environ.get(name) or default)
    except ValueError:
        raise SettingsError(f"{name} must be {' or '.join(kind)}, not {environ[name]!r}") from None


def _natural(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name) or str(default)
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise SettingsError(f"{name} must be a whole number above 0, not {value!r}")
    return int(value)
