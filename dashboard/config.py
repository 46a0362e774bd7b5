"""Typed settings from the environment. A bad value stops the start with a sentence that names it."""

from collections.abc import Mapping
from dataclasses import dataclass


class SettingsError(Exception):
    """str() of it says which variable is wrong, and what it may be."""


@dataclass(frozen=True)
class Settings:
    """What the application reads of its environment; gunicorn.conf.py has the server's own."""

    database_url: str
    max_body_bytes: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read every setting, or raise SettingsError."""
        return cls(
            database_url=_database_url(environ.get("DATABASE_URL") or "sqlite:///jobs.db"),
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


def _natural(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name) or str(default)
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise SettingsError(f"{name} must be a whole number above 0, not {value!r}")
    return int(value)
