"""The totals: every closed minute is in them once, and none of them ever becomes smaller."""

from random import Random

import pytest
from flask import Flask
from sqlalchemy import delete, update

from dashboard.core.job import utc_now
from dashboard.core.minutes import HOUR, MINUTE, REST, TYPES_MAX, Counts, Found, Sum, counted
from dashboard.database.schema import counting, minutes
from dashboard.database.transactions import reading, writing
from dashboard.services import totals
from dashboard.store import minutes as store
from dashboard.store import totals as totals_store
from dashboard.store.minutes import minute_of
from tests.support.app import MakeApp
from tests.support.statements import statements

BEGIN = minute_of(utc_now()) // HOUR * HOUR - 9 * HOUR


@pytest.fixture
def begun(app: Flask) -> None:
    """The totals begin; everything before is counted."""
    with writing() as tx:
        tx.execute(delete(minutes))
    counted_to(BEGIN + MINUTE)
    assert totals.keep()


def counted_to(minute: int) -> None:
    """As if a process had counted so far: what was before the minute before this one will not change."""
    with writing() as tx:
        tx.execute(update(counting).values(minute=minute))


def happened(at: int, number: int = 1, kind: str = "a", event: str = "created", bucket: int | None = None) -> None:
    put(at, counted([Found(event, at, kind, bucket, number)]))


def put(at: int, counts: Counts) -> None:
    with writing() as tx:
        store.replace(tx, at, at + MINUTE, counts)


def sums() -> dict[str, Sum]:
    with reading() as tx:
        return totals.sums(tx)


def created() -> dict[str, int]:
    return {name: each.created for name, each in sums().items()}


def test_before_a_process_keeps_them_there_are_none(app: Flask) -> None:
    with writing() as tx:
        tx.execute(delete(minutes))
    assert sums() == {}


@pytest.mark.usefixtures("begun")
def test_they_have_the_minutes_that_do_not_change_any_more() -> None:
    happened(BEGIN - MINUTE, 100)  # before they began
    for place in range(3):
        happened(BEGIN + place * MINUTE, 10**place)
    counted_to(BEGIN + 3 * MINUTE)
    assert created() == {"a": 11, REST: 0}
    counted_to(BEGIN + 4 * MINUTE)
    assert created() == {"a": 111, REST: 0}


@pytest.mark.usefixtures("begun")
def test_they_have_the_durations_too() -> None:
    happened(BEGIN, 3, event="started", bucket=4)
    happened(BEGIN + MINUTE, 2, event="failed", bucket=9)
    counted_to(BEGIN + 3 * MINUTE)
    found = sums()["a"]
    assert (found.started, found.failed, found.waited[4], found.ran[9]) == (3, 2, 3, 2)


@pytest.mark.usefixtures("begun")
def test_an_hour_that_is_over_is_added_once_however_many_processes_keep_them(make_app: MakeApp, app: Flask) -> None:
    happened(BEGIN + MINUTE, 7)
    counted_to(BEGIN + HOUR + MINUTE)
    others = [make_app(app.config["SQLALCHEMY_DATABASE_URI"]) for _ in range(2)]
    for other in [*others, *others]:
        with other.app_context():
            totals.keep()
            assert created() == {"a": 7, REST: 0}
    assert not totals.keep()


@pytest.mark.usefixtures("begun")
def test_where_nothing_is_to_be_added_a_round_asks_nothing() -> None:
    counted_to(minute_of(utc_now()))
    while totals.keep():
        pass
    if minute_of(utc_now()) % HOUR >= 2 * MINUTE:
        assert statements(totals.keep) == []


@pytest.mark.usefixtures("begun")
def test_whatever_happens_no_total_becomes_smaller_and_their_sum_is_everything() -> None:
    rng = Random(18)
    before, everything = created(), 0
    for place in range(5 * 60):
        at = BEGIN + place * MINUTE
        if rng.random() < 0.5:
            found = [Found("created", at, f"type-{rng.randrange(150)}", None, rng.randrange(1, 9)) for _ in range(9)]
            everything += sum(each.number for each in found)
            put(at, counted(found))
        if rng.random() < 0.4:  # else several minutes are closed together
            counted_to(at + 2 * MINUTE)
            while rng.random() < 0.5 and totals.keep():
                pass
            now = created()
            assert all(now[name] >= number for name, number in before.items())
            assert sum(now.values()) == everything
            before = now
    assert len(before) == TYPES_MAX + 1
    assert before[REST] > 0


@pytest.mark.usefixtures("begun")
def test_what_becomes_of_the_hours_later_changes_nothing() -> None:
    happened(BEGIN, 5)
    counted_to(BEGIN + HOUR + MINUTE)
    assert totals.keep()
    with writing() as tx:
        store.fold(tx, BEGIN + HOUR)
        tx.execute(delete(minutes).where(minutes.c.span == HOUR))  # as retention does
        store.add(tx, counted([Found("created", BEGIN, "imported", None, 8)]), folded_to=0)
    assert created() == {"a": 5, REST: 0}


@pytest.mark.usefixtures("begun")
def test_a_type_that_has_the_name_of_the_rest_is_a_part_of_it() -> None:
    put(BEGIN, counted([Found("created", BEGIN, name, None, 2) for name in (REST, "a")]))
    counted_to(BEGIN + 2 * MINUTE)
    assert created() == {"a": 2, REST: 2}


@pytest.mark.usefixtures("begun")
def test_types_are_told_by_themselves_in_the_order_in_which_they_came() -> None:
    put(BEGIN, counted([Found("created", BEGIN, f"z-{number}", None, 1) for number in range(TYPES_MAX)]))
    happened(BEGIN + MINUTE, 50, kind="a")
    counted_to(BEGIN + 3 * MINUTE)
    found = created()
    assert (len(found), found[REST], "a" in found) == (TYPES_MAX + 1, 50, False)
    counted_to(BEGIN + HOUR + MINUTE)
    assert totals.keep()
    assert created() == found


@pytest.mark.usefixtures("begun")
def test_what_grows_too_large_begins_at_zero_again() -> None:
    happened(BEGIN, totals_store.LARGEST + 1)
    counted_to(BEGIN + HOUR + MINUTE)
    assert totals.keep()
    happened(BEGIN + HOUR, 3)
    counted_to(BEGIN + HOUR + 2 * MINUTE)
    assert created() == {"a": 3, REST: 0}
