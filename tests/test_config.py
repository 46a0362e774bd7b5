"""Settings are typed, defaulted and loud."""

import pytest

from dashboard.config import ClaimFrom, Durability, Settings, SettingsError


def test_without_any_setting_it_keeps_a_durable_sqlite_file_in_the_instance_folder() -> None:
    assert Settings.from_environ({}) == Settings(
        database_url="sqlite:///jobs.db",
        claim_from=ClaimFrom.QUEUE,
        durability=Durability.FULL,
        max_body_bytes=1_000_000,
    )


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_postgresql_url_gets_our_driver_and_claims_from_the_database(scheme: str) -> None:
    settings = Settings.from_environ({"DATABASE_URL": f"{scheme}://me@host/jobs"})
    assert settings.database_url == "postgresql+psycopg://me@host/jobs"
    assert settings.claim_from is ClaimFrom.DATABASE


def test_an_empty_setting_is_one_that_is_not_set() -> None:
    names = ("DATABASE_URL", "CLAIM_FROM", "DURABILITY", "MAX_BODY_BYTES")
    assert Settings.from_environ(dict.fromkeys(names, "")) == Settings.from_environ({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://host/jobs"),
        ("DATABASE_URL", "jobs.db"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("CLAIM_FROM", "heap"),
        ("DURABILITY", "off"),
        ("MAX_BODY_BYTES", "0"),
        ("MAX_BODY_BYTES", "-1"),
        ("MAX_BODY_BYTES", "1 MB"),
        ("MAX_BODY_BYTES", "٣"),
    ],
)
def test_a_bad_value_is_refused_with_a_sentence_that_names_it(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environ({name: value})
