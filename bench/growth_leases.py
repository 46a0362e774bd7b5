"""What the calls of workers cost with a thousand jobs and with a million, and beside jobs that are for later."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import targets
from bench.growth import BATCH, LARGE, SMALL, Grown, compared
from bench.measure import Section, say
from bench.talk import Request, check

OF_A_TYPE = 1_000  # jobs of a type of their own, for typed claims; as many of the others are added for the rest
OPEN_RUNS = 10_000  # of the large database; the small one has ten
READY = 10  # jobs beside a million that are for later
LATER = "'2099-01-01 00:00:00.000000'"


class Leasing(Grown):
    """An application whose jobs are leased."""

    def requests(self, name: str) -> Sequence[Request]:
        return REQUESTS[name](self)

    def lease(self, count: int) -> list[dict[str, str]]:
        """So many jobs that are leased now."""
        found: list[dict[str, str]] = json.loads(check(self.app.ask(targets.leased_claim(count))).body)
        return found

    def add(self, count: int, **job: object) -> None:
        check(self.app.ask(targets.batch(count, **job)))


def _report(leasing: Leasing) -> Sequence[Request]:
    return [targets.report(leasing.lease(10)) for _ in range(BATCH // 10)]


def _to_held(action: str) -> Callable[[Leasing], Sequence[Request]]:
    def requests(leasing: Leasing) -> Sequence[Request]:
        held = leasing.lease(BATCH)
        return [Request("POST", f"/jobs/{job['id']}/{action}?token={job['token']}") for job in held]

    return requests


def _retry(leasing: Leasing) -> Sequence[Request]:
    finished = json.loads(check(leasing.app.ask(Request("GET", f"/jobs?status=COMPLETED&limit={BATCH}"))).body)
    return [Request("POST", f"/jobs/{job['id']}/retry") for job in finished]


def _claim_of_few(leasing: Leasing) -> Sequence[Request]:
    leasing.add(READY // 2)
    return [targets.CLAIM] * (READY // 2)


REQUESTS: dict[str, Callable[[Leasing], Sequence[Request]]] = {
    "claim of a type": lambda _: [Request("POST", "/jobs/claim?type=z")] * (BATCH // 2),
    "leased claim": lambda _: [Request("POST", "/jobs/claim?lease=3600")] * BATCH,
    "heartbeat": _to_held("heartbeat"),
    "leased complete": _to_held("complete"),
    "release": _to_held("release"),
    "report of 10": _report,
    "batch of 100": lambda _: [targets.batch(100)] * (BATCH // 10),
    "retry": _retry,
    "workers": lambda _: [Request("GET", "/workers")] * (BATCH // 10),
    "claim": _claim_of_few,
}
OF_WORKERS = [name for name in REQUESTS if name not in ("workers", "claim")]
COLUMNS = ("request", "few, ms", "many, ms", "ratio ≤ 1.3")


def growth(folder: Path) -> Section:
    """Every call on a small database and on a large one, in turns, in one process."""
    few = _filled(folder / "few-leased.db", SMALL, READY, targets.HALF_PENDING)
    many = _filled(folder / "many-leased.db", LARGE, OPEN_RUNS, targets.HALF_PENDING)
    rows = compared((few, many), OF_WORKERS)
    few = _filled(folder / "few-workers.db", 2 * OPEN_RUNS, OPEN_RUNS, targets.PENDING_AND_RUNNING)
    many = Leasing(many.url, many.count)
    rows += compared((few, many), ["workers"])
    few = _filled(folder / "few-ready.db", 0, 0, targets.PENDING)
    many = _filled(folder / "many-later.db", LARGE - READY, 0, targets.PENDING, run_at=LATER)
    for each in few, many:
        each.add(READY // 2)
    rows += [[f"claim beside {LARGE - READY:,} for later", *row[1:]] for row in compared((few, many), ["claim"])]
    note = (
        f"As above, with {SMALL:,} and {LARGE:,} jobs, half of them PENDING, and {READY} and {OPEN_RUNS:,} open runs; "
        f"a type with {OF_A_TYPE:,} jobs among them. For `workers` both have {OPEN_RUNS:,} open runs. The last row has "
        f"{READY} ready jobs alone, and beside {LARGE - READY:,} that are for later."
    )
    return Section("Growth of leases", note, COLUMNS, rows)


def _filled(path: Path, count: int, held: int, mix: Mapping[str, int], **values: str) -> Leasing:
    say(f"filling a database with {count:,} jobs, {held:,} of them leased")
    url = targets.make_ours(path)
    targets.fill(path, count, mix, **values)
    return leased(url, count, held)


def leased(url: str, count: int, held: int) -> Leasing:
    """An application on a database with so many jobs, of which so many RUNNING ones are leased now."""
    targets.open_runs(url, held)
    leasing = Leasing(url, count)
    if held:
        leasing.add(OF_A_TYPE, type="z")
        leasing.add(OF_A_TYPE)
    return leasing
