"""By which indexes the minutes are counted and read: the same few rows however many jobs there are."""

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import Connection, text

from dashboard.core.minutes import HOUR, MINUTE
from dashboard.database.transactions import reading, writing
from dashboard.store import minute_sums, minutes, reasons
from tests.support.statements import statements

NOW = datetime(2026, 1, 1, 12)
SECOND = minutes.minute_of(NOW)
READS: dict[str, tuple[Callable[[Connection], object], str]] = {
    "two minutes": (
        lambda tx: minutes.between(tx, SECOND, SECOND + 120, (1, 2)),
        "jobs_started jobs_completed_at jobs_failed_at runs_started",
    ),
    "a slice of jobs": (lambda tx: minutes.of_seqs(tx, 1, 500, SECOND), ""),
    "failures without a reason": (lambda tx: reasons.missing(tx, 1, 500), ""),
    "the newest failures": (lambda tx: reasons.groups(tx, NOW, NOW, 10), "jobs_failed_at"),
    "a chart": (lambda tx: minute_sums.slots(tx, MINUTE, SECOND, SECOND + HOUR, MINUTE), ""),
    "each type": (lambda tx: minute_sums.by_type(tx, HOUR, SECOND, SECOND + HOUR, 20), ""),
}


@pytest.mark.parametrize("name", READS)
def test_nothing_is_looked_for_in_all_jobs_runs_or_minutes(app: Flask, name: str) -> None:
    read, indexes = READS[name]
    with writing() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("SET LOCAL enable_seqscan = off"))  # of these few rows a scan is right
        found = []
        for statement, values in statements(lambda: read(tx)):
            explain = "EXPLAIN" if tx.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
            found += [row[-1] for row in tx.exec_driver_sql(f"{explain} {statement}", values)]
    plan = "\n".join(found)
    assert not re.search(r"SCAN (jobs|runs|minutes)\b(?! USING)|Seq Scan on (jobs|runs|minutes)", plan), plan
    assert not re.search(r"jobs_started \(started_at=", plan), plan
    assert [index for index in indexes.split() if index not in plan] == [], plan


def test_the_first_job_since_a_time_is_found_by_halves_also_between_gaps(app: Flask) -> None:
    with writing() as tx:
        for seq in (3, 4, 9, 27, 81):
            tx.execute(
                text(
                    "INSERT INTO jobs (seq, id, type, priority, status, created_at) "
                    "VALUES (:seq, CAST(:seq AS varchar), 't', 0, 'PENDING', :at)"
                ),
                {"seq": seq, "at": datetime(2026, 1, 1, 12, seq % 60)},
            )
    with reading() as tx:
        ends = [minutes.first_created(tx, datetime(2026, 1, 1, 12, minute), 82) for minute in (0, 3, 4, 5, 10, 28)]
    # What it answers has nothing between it and the job that is meant.
    assert [next(seq for seq in (3, 4, 9, 27, 81, 82) if seq >= end) for end in ends[:5]] == [3, 3, 4, 9, 27]
