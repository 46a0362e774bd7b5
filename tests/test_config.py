"""Settings are typed, defaulted and loud."""

from pathlib import Path

import pytest

from dashboard.config import Credential, Durability, Kept, LogFormat, Role, Settings, SettingsError

SECRET = "hush-hush-hush-hush"
TOKENS = f"ci:operator:{SECRET}"
NAMES = (
    "DATABASE_URL DURABILITY MAX_BODY_BYTES USERS TOKENS SECRET_KEY DASHBOARD_OPEN ALLOWED_HOSTS LEASE_GRACE "
    "KEEP_ACTIVITY_DAYS KEEP_FINISHED_DAYS TRUSTED_PROXIES TLS ACCESS_LOG LOG_FORMAT DATABASE_URL_FILE "
    "USERS_FILE TOKENS_FILE SECRET_KEY_FILE HOST"
)


def test_without_any_setting_it_keeps_a_durable_sqlite_file_in_the_instance_folder_and_needs_no_credentials() -> None:
    settings = Settings.from_environ({})
    assert settings == Settings(
        database_url="sqlite:///jobs.db",
        lease_grace=60,
        keep_activity=365,
        keep_finished=Kept(None, {}),
        durability=Durability.FULL,
        max_body_bytes=1_000_000,
        users=(),
        tokens=(),
        secret_key=settings.secret_key,
        dashboard_open=False,
        allowed_hosts=settings.allowed_hosts,
        trusted_proxies=0,
        tls=False,
        access_log=False,
        log_format=LogFormat.TEXT,
    )
    assert set(settings.allowed_hosts) == {"localhost", "127.0.0.1", "[::1]"}


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_url_gets_our_driver_and_claims_from_the_database(scheme: str) -> None:
    settings = Settings.from_environ({"DATABASE_URL": f"{scheme}://me@host/jobs"})
    assert settings.database_url == "postgresql+psycopg://me@host/jobs"


def test_an_empty_setting_is_one_that_is_not_set() -> None:
    assert Settings.from_environ(dict.fromkeys(NAMES.split(), "")) == Settings.from_environ({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://host/jobs"),
        ("DATABASE_URL", "jobs.db"),
        ("DATABASE_URL", "postgresql+asyncpg://host/jobs"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", f"postgresql://me:{SECRET}@host:port/jobs"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DURABILITY", "off"),
        ("LOG_FORMAT", "xml"),
        ("ACCESS_LOG", "yes"),
        ("MAX_BODY_BYTES", "0"),
        ("MAX_BODY_BYTES", "-1"),
        ("MAX_BODY_BYTES", "1 MB"),
        ("MAX_BODY_BYTES", "٣"),
        ("MAX_BODY_BYTES", "9" * 5_000),
        ("KEEP_ACTIVITY_DAYS", "0"),
        ("KEEP_ACTIVITY_DAYS", "a year"),
        ("KEEP_FINISHED_DAYS", "0"),
        ("KEEP_FINISHED_DAYS", "-1"),
        ("KEEP_FINISHED_DAYS", "1e3"),
        ("KEEP_FINISHED_DAYS", "nan"),
        ("KEEP_FINISHED_DAYS", "36501"),
        ("KEEP_FINISHED_DAYS", "never"),
        ("KEEP_FINISHED_DAYS", "30 60"),
        ("KEEP_FINISHED_DAYS", "30 report=7 report=8"),
        ("KEEP_FINISHED_DAYS", "30 report="),
        ("KEEP_FINISHED_DAYS", "30 =7"),
        ("KEEP_FINISHED_DAYS", "30 report = 7"),
        ("USERS", "ada"),
        ("USERS", f"ada:{SECRET}"),
        ("USERS", f"ada:boss:{SECRET}"),
        ("USERS", f"ada:OPERATOR:{SECRET}"),
        ("USERS", f":operator:{SECRET}"),
        ("USERS", "ada:operator:"),
        ("USERS", "ada:operator:7654321"),
        ("USERS", f"ada:operator:{SECRET} grace:viewer"),
        ("USERS", f"ada:operator:{SECRET} ada:viewer:{SECRET}2"),
        ("USERS", f"ada:operator:{SECRET}, grace:viewer:{SECRET}, ada:viewer:{SECRET}"),
        ("USERS", "ada:operator:scrypt:1:2$salt$0123456789"),  # no password can be held against it
        ("TOKENS", SECRET),
        ("TOKENS", f"ci:admin:{SECRET}"),
        ("TOKENS", "ci:operator:0123456789abcde"),
        ("TOKENS", f"ci:operator:{SECRET} ci:viewer:{SECRET}2"),
        ("SECRET_KEY", "short"),
        ("DASHBOARD_OPEN", "yes"),
        ("DASHBOARD_OPEN", "true"),
        ("TLS", "on"),
        ("TLS", "2"),
        ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "one"),
        ("TRUSTED_PROXIES", "10.0.0.1"),
        ("ALLOWED_HOSTS", "https://jobs.example.com"),
        ("ALLOWED_HOSTS", "a.example.com,b.example.com"),
        ("ALLOWED_HOSTS", "a..example.com"),
        ("ALLOWED_HOSTS", "*"),
        *((f"{name}_FILE", "/nowhere/at/all") for name in ("DATABASE_URL", "USERS", "TOKENS", "SECRET_KEY")),
        ("USERS_FILE", "/"),
    ],
)
def test_a_bad_value_is_refused_with_a_sentence_that_names_it_and_tells_no_secret(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refusal:
        Settings.from_environ({name: value})
    assert SECRET not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None  # a traceback would tell more


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("30", Kept(30, {})),
        ("0.5", Kept(0.5, {})),
        ("ever", Kept(None, {})),
        ("report=7", Kept(None, {"report": 7})),
        ("30 report=7\n audit=ever", Kept(30, {"report": 7, "audit": None})),
        ("a=b=c=7 =x=1", Kept(None, {"a=b=c": 7, "=x": 1})),
        ("30=7 été=1", Kept(None, {"30": 7, "été": 1})),
    ],
)
def test_finished_jobs_are_kept_for_a_number_of_days_of_which_a_type_may_have_its_own(text: str, kept: Kept) -> None:
    assert Settings.from_environ({"KEEP_FINISHED_DAYS": text}).keep_finished == kept


def test_credentials_are_a_name_a_role_and_a_secret_and_the_secret_may_have_colons() -> None:
    settings = Settings.from_environ({"USERS": "ada:operator:a:b:c:d:e grace:viewer:12345678", "TOKENS": TOKENS})
    assert settings.users == (
        Credential("ada", Role.OPERATOR, "a:b:c:d:e"),
        Credential("grace", Role.VIEWER, "12345678"),
    )
    assert settings.tokens == (Credential("ci", Role.OPERATOR, SECRET),)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("USERS", "ada:operator:12345678\ngrace:viewer:12345678"),
        ("TOKENS", TOKENS),
        ("SECRET_KEY", SECRET * 2),
        ("DATABASE_URL", "postgresql://me:hush@host/jobs"),
    ],
)
def test_a_secret_in_a_file_counts_as_if_it_stood_in_the_environment(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{text}\n")
    assert Settings.from_environ({f"{name}_FILE": str(file)}) == Settings.from_environ({name: text})


@pytest.mark.parametrize("name", ["USERS", "TOKENS", "SECRET_KEY", "DATABASE_URL"])
@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_file_without_a_secret_in_it_stops_the_start_instead_of_opening_the_door(
    name: str, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"{name}_FILE"):
        Settings.from_environ({f"{name}_FILE": str(file)})


def test_no_secret_shows_when_settings_are_printed() -> None:
    secrets = {"USERS": f"ada:operator:{SECRET}1", "TOKENS": f"{TOKENS}2", "SECRET_KEY": f"{SECRET}3{SECRET}"}
    assert SECRET not in repr(Settings.from_environ(secrets))


def test_the_database_s_password_does_not_show_when_settings_are_printed() -> None:
    assert SECRET not in repr(Settings.from_environ({"DATABASE_URL": f"postgresql://me:{SECRET}@host/jobs"}))


def test_the_key_of_the_cookies_is_another_one_when_a_password_changes_and_else_the_same_in_every_process() -> None:
    first, again, changed = (
        Settings.from_environ({"USERS": f"ada:operator:{SECRET}{end}"}).secret_key for end in ("", "", "!")
    )
    assert first == again != changed


def test_switches_and_numbers_are_read() -> None:
    settings = Settings.from_environ({"TLS": "1", "DASHBOARD_OPEN": "1", "TRUSTED_PROXIES": "2"})
    assert (settings.tls, settings.dashboard_open, settings.trusted_proxies) == (True, True, 2)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]", "unix:/run/jobs", "/run/jobs"])
def test_on_this_machine_alone_it_may_be_open_to_all(host: str) -> None:
    Settings.from_environ({}).check_address(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "", "192.0.2.7", "jobs.example.com", "localhost.evil"])
def test_elsewhere_it_needs_credentials_or_the_word_that_it_is_meant_to_be_open(host: str) -> None:
    for environ in ({}, {"DASHBOARD_OPEN": "0"}, {"TLS": "1", "SECRET_KEY": SECRET * 2, "ALLOWED_HOSTS": "a.example"}):
        with pytest.raises(SettingsError, match="USERS or TOKENS, or DASHBOARD_OPEN=1"):
            Settings.from_environ(environ).check_address(host)
    for environ in ({"DASHBOARD_OPEN": "1"}, {"TOKENS": TOKENS}, {"USERS": "ada:operator:12345678"}):
        Settings.from_environ(environ).check_address(host)


@pytest.mark.parametrize(
    ("hosts", "options"),
    [
        ("h1:5501,h2:5502/jobs", "/jobs?host=h1:5501&host=h2:5502"),
        ("me:secret@h1,h2/jobs?sslmode=require", "me:secret@/jobs?sslmode=require&host=h1&host=h2"),
    ],
)
def test_several_hosts_are_named_as_libpq_does(hosts: str, options: str) -> None:
    found = Settings.from_environ({"DATABASE_URL": f"postgresql://{hosts}"}).database_url
    assert found == f"postgresql+psycopg://{options}"


def test_a_port_of_several_hosts_is_a_number() -> None:
    with pytest.raises(SettingsError, match="host:port,host:port"):
        Settings.from_environ({"DATABASE_URL": "postgresql://h1:x,h2:5502/jobs"})
