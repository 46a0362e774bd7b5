"""Typed settings from the environment. A bad value stops the start with a sentence that names it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import scrypt
from ipaddress import ip_address
from pathlib import Path
from re import fullmatch
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit


class SettingsError(Exception):
    """str() of it says which variable is wrong, and what it may be."""


class Durability(StrEnum):
    """What a power cut may cost."""

    FULL = "full"  # nothing that was acknowledged
    RELAXED = "relaxed"  # the last moments before it; a crash of the process alone costs nothing


class LogFormat(StrEnum):
    """How a line of the log looks."""

    TEXT = "text"
    JSON = "json"  # one object


class Role(StrEnum):
    """What a client may do."""

    VIEWER = "viewer"  # reads
    OPERATOR = "operator"  # acts, too
    WORKER = "worker"  # creates, reads, takes and ends jobs by the API


class Credential(NamedTuple):
    """A person's name, or a token's, with its role and its secret."""

    name: str
    role: Role
    secret: str


@dataclass(frozen=True)
class Kept:
    """For how many days finished jobs are kept; None is for ever."""

    days: float | None = None
    of_type: Mapping[str, float | None] = field(default_factory=dict)  # the types that are kept for another time

    def of(self, name: str) -> float | None:
        """For how many days the jobs of this type are kept."""
        return self.of_type.get(name, self.days)

    @property
    def limits(self) -> list[float]:
        """Each number of days after which jobs of some type are deleted."""
        return sorted({days for days in (self.days, *self.of_type.values()) if days is not None})


@dataclass(frozen=True)
class Settings:
    """What the application reads of its environment; gunicorn.conf.py has the server's own."""

    database_url: str = field(repr=False)  # it may hold a password
    durability: Durability
    max_body_bytes: int
    users: tuple[Credential, ...] = field(repr=False)
    tokens: tuple[Credential, ...] = field(repr=False)
    secret_key: str = field(repr=False)
    dashboard_open: bool
    allowed_hosts: tuple[str, ...]
    trusted_proxies: int
    tls: bool
    lease_grace: int  # seconds
    keep_activity: int  # days
    keep_finished: Kept
    access_log: bool
    log_format: LogFormat

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read every setting, or raise SettingsError."""
        url = _database_url(_text(environ, "DATABASE_URL") or "sqlite:///jobs.db")
        users = _credentials("USERS", _text(environ, "USERS"), PASSWORD_MIN)
        tokens = _credentials("TOKENS", _text(environ, "TOKENS"), TOKEN_MIN)
        return cls(
            database_url=url,
            durability=_choice(environ, "DURABILITY", Durability.FULL),
            max_body_bytes=whole_number(environ, "MAX_BODY_BYTES", 1_000_000, least=1),
            users=users,
            tokens=tokens,
            secret_key=_secret_key(environ, users),
            dashboard_open=_switch(environ, "DASHBOARD_OPEN"),
            allowed_hosts=_hosts(environ.get("ALLOWED_HOSTS", "")) or (*LOOPBACK_NAMES, bound_host(environ)),
            trusted_proxies=whole_number(environ, "TRUSTED_PROXIES", 0, least=0),
            tls=_switch(environ, "TLS"),
            lease_grace=whole_number(environ, "LEASE_GRACE", 60, least=0, most=86_400),
            keep_activity=whole_number(environ, "KEEP_ACTIVITY_DAYS", 365, least=1, most=36_500),
            keep_finished=_kept(environ.get("KEEP_FINISHED_DAYS", "")),
            access_log=_switch(environ, "ACCESS_LOG"),
            log_format=log_format(environ),
        )

    def check_address(self, host: str) -> None:
        """Raise SettingsError when other machines can reach this address, and no client has to sign in."""
        if self.users or self.tokens or self.dashboard_open:
            return
        if self.trusted_proxies or not _is_loopback(host):
            raise SettingsError(
                f"{'a proxy' if self.trusted_proxies else host} can be reached from elsewhere, and no client would "
                "have to sign in: set USERS or TOKENS, or DASHBOARD_OPEN=1 if all who reach it may do everything"
            )


LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
HASHES = ("scrypt:", "pbkdf2:")  # how a password begins that is given hashed, by werkzeug.security
PASSWORD_MIN = 8  # characters
TOKEN_MIN = 16


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.startswith(("unix:", "/"))  # a socket file, which has an owner and a mode


def _text(environ: Mapping[str, str], name: str) -> str:
    """The variable, or what is in the file that NAME_FILE names."""
    file = environ.get(f"{name}_FILE")
    if not file:
        return environ.get(name, "")
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{name}_FILE cannot be read: {error}") from None
    if not text:
        raise SettingsError(f"{name}_FILE names a file with nothing in it")
    return text


def _hosts(text: str) -> tuple[str, ...]:
    for host in text.split():
        if not fullmatch(r"\[[0-9A-Fa-f:.]+\]|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", host):
            raise SettingsError(
                f"ALLOWED_HOSTS must be host names without a port, separated by white space, not {host!r}"
            )
    return tuple(text.split())


def _secret_key(environ: Mapping[str, str], users: tuple[Credential, ...]) -> str:
    """What signs the cookies of sign-ins; without users there are none.

    Without a setting it is made from the passwords, so it is the same in every process. Slowly, because a stolen
    cookie could be used to try passwords.
    """
    key = _text(environ, "SECRET_KEY")
    if key and len(key) < TOKEN_MIN:
        raise SettingsError(f"SECRET_KEY must have {TOKEN_MIN} characters or more")
    if key or not users:
        return key
    return scrypt(repr(users).encode(), salt=b"session", n=2**15, r=8, p=1, maxmem=2**26).hex()


def _credentials(name: str, text: str, least: int) -> tuple[Credential, ...]:
    """NAME:ROLE:SECRET, separated by white space."""
    found = []
    for place, entry in enumerate(text.split(), start=1):
        who, _, rest = entry.partition(":")
        role, _, secret = rest.partition(":")
        broken_hash = secret.startswith(HASHES) and not fullmatch(
            r"[a-z0-9]+(:[a-z0-9]+)+\$[^$]+\$[0-9a-f]{64,}", secret
        )
        if (
            not who or role not in tuple(Role) or len(secret) < least or broken_hash
        ):  # the entry itself must not be told: it is secret
            raise SettingsError(
                f"{name}: entry {place} must be name:role:secret, with the role {' or '.join(Role)} and a secret of "
                f"{least} characters or more"
            )
        found.append(Credential(who, Role(role), secret))
    if len({credential.name for credential in found}) < len(found):
        raise SettingsError(f"{name} must name each only once")
    return tuple(found)


EVER = "ever"


def _kept(text: str) -> Kept:
    """DAYS for all types, and TYPE=DAYS for one, separated by white space. The last `=` is the one that counts."""
    found: dict[str | None, float | None] = {}
    for entry in text.split():
        name, _, days = entry.rpartition("=")
        if not (name or "=" not in entry) or (name or None) in found or not _is_days(days):
            raise SettingsError(
                "KEEP_FINISHED_DAYS must be a number of days from 0.01 to 36500, or ever, and type=days for single "
                f"types, separated by white space, each once, not {entry!r}"
            )
        found[name or None] = None if days == EVER else float(days)
    return Kept(found.pop(None, None), {name: days for name, days in found.items() if name})


def _is_days(text: str) -> bool:
    return text == EVER or bool(fullmatch(r"[0-9]{1,5}(\.[0-9]{1,6})?", text) and 0.01 <= float(text) <= 36_500)


def _database_url(url: str) -> str:
    """The URL with the driver that we ship; a relative SQLite path is taken from the instance folder."""
    scheme, separator, rest = url.partition("://")
    driver = "sqlite" if scheme == "sqlite" else "postgresql+psycopg" if scheme in POSTGRESQL else None
    if not separator or driver is None:
        raise SettingsError("DATABASE_URL must begin with sqlite:///, postgresql:// or postgres://")
    if driver == "sqlite" and rest in ("", "/", "/:memory:"):
        raise SettingsError("DATABASE_URL must name a file: every process and connection shares it")
    if driver != "sqlite":
        rest = _with_hosts_as_options(rest)
    try:
        urlsplit(f"//{rest}").port  # noqa: B018
    except ValueError:
        raise SettingsError("DATABASE_URL must have a number as its port") from None
    return f"{driver}://{rest}"


def _with_hosts_as_options(rest: str) -> str:
    """Several hosts, as libpq writes them (`h1:5501,h2:5502`), in the form that SQLAlchemy takes."""
    location, _, path = rest.partition("/")
    user, at, hosts = location.rpartition("@")
    if "," not in hosts:
        return rest
    if not all(fullmatch(r"(\[[^\]]+\]|[^:\[\]]+)(:[0-9]+)?", host) for host in hosts.split(",")):
        raise SettingsError("DATABASE_URL must name its hosts as host:port,host:port with numbers as ports")
    options = "&".join(f"host={host}" for host in hosts.split(","))
    return f"{user}{at}/{path}{'&' if '?' in path else '?'}{options}"


Choice = TypeVar("Choice", bound=StrEnum)


def _choice(environ: Mapping[str, str], name: str, default: Choice) -> Choice:
    kind = type(default)
    try:
        return kind(environ.get(name) or default)
    except ValueError:
        raise SettingsError(f"{name} must be {' or '.join(kind)}, not {environ[name]!r}") from None


def whole_number(environ: Mapping[str, str], name: str, default: int, least: int, most: int = 10**18) -> int:
    """The variable as a number from least to most."""
    value = environ.get(name) or str(default)
    if not (fullmatch("[0-9]{1,18}", value) and least <= int(value) <= most):
        bounds = f"from {least} on" if most == 10**18 else f"from {least} to {most}"
        raise SettingsError(f"{name} must be a whole number {bounds}, not {value!r}")
    return int(value)


def log_format(environ: Mapping[str, str]) -> LogFormat:
    return _choice(environ, "LOG_FORMAT", LogFormat.TEXT)


def worker_processes(environ: Mapping[str, str]) -> int:
    return whole_number(environ, "WEB_CONCURRENCY", min(4, os.cpu_count() or 1), least=1, most=64)


def bound_host(environ: Mapping[str, str]) -> str:
    """The host to listen on, an IPv6 one in brackets."""
    host = environ.get("HOST") or "127.0.0.1"
    return f"[{host}]" if host.count(":") > 1 and host[0] != "[" else host


def _switch(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name) or "0"
    if value not in ("0", "1"):
        raise SettingsError(f"{name} must be 1 or 0, not {value!r}")
    return value == "1"
