"""/metrics, for Prometheus: numbers of the jobs, the same from every instance, and this instance's own."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from flask import Blueprint, current_app, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from dashboard.core import histogram, numbers
from dashboard.core.job import JobStatus
from dashboard.core.numbers import Numbers
from dashboard.database.errors import UNAVAILABLE
from dashboard.http.answers import Answer
from dashboard.http.refusals import Door, as_json
from dashboard.security.access import viewers
from dashboard.services.metrics import Jobs, look

bp = Blueprint("metrics", __name__)

DOOR = Door(paths=("/metrics",), render=as_json)

P = "jobqueue_"


@bp.get("/metrics")
@viewers
def metrics() -> Answer:
    """While the database is away, the instance's own numbers alone."""
    own: Numbers = current_app.extensions["numbers"]
    current_app.extensions["traffic"].count()
    try:
        jobs = look()
    except UNAVAILABLE as error:
        own.failed(error)
        jobs = None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families([*(of_jobs(jobs) if jobs else ()), *of_instance(own, is_there=jobs is not None)]))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Answer(encode(registry), content_type=content_type)


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def of_jobs(jobs: Jobs) -> Iterator[Metric]:
    statuses: dict[numbers.Key, float] = {(status.value,): getattr(jobs.tally, status.lower()) for status in JobStatus}
    yield _gauges("jobs", "Jobs by status", ["status"], statuses)
    yield _gauges("jobs_ready", "PENDING jobs that a claim may take", ["type"], _by_type(jobs.ready))
    yield _gauges("jobs_running", "RUNNING jobs", ["type"], _by_type(jobs.running))
    yield _gauge("jobs_delayed", "PENDING jobs that are for later", jobs.tally.delayed)
    yield _gauge("jobs_overdue", "RUNNING jobs that take much longer than usual", jobs.overdue)
    yield _gauge("oldest_ready_seconds", "How long the oldest job has waited that a claim may take", jobs.oldest_ready)
    yield _gauge("claims_paused", "1 while claims are paused", jobs.is_paused)
    for name, help_text in {
        "created": "Jobs that were created",
        "started": "Jobs that were started, each attempt",
        "completed": "Jobs that were completed",
        "failed": "Jobs that failed after they had begun",
        "called_off": "Jobs that failed before anybody had begun them",
    }.items():
        of_type: dict[numbers.Key, float] = {(kind,): getattr(each, name) for kind, each in jobs.sums.items()}
        yield _counters(f"jobs_{name}", help_text, ["type"], of_type)
    for name, help_text in {
        "waited": "How long jobs had waited when they were started the first time",
        "ran": "How long jobs had run when they ended",
    }.items():
        family = HistogramMetricFamily(f"{P}job_{name}_seconds", help_text, labels=["type"])
        for kind, each in jobs.sums.items():
            _add_histogram(family, {"type": kind}, histogram.BOUNDS, getattr(each, name))
        yield family


def of_instance(own: Numbers, *, is_there: bool) -> Iterator[Metric]:
    """All processes of this server together."""
    found = own.of_all()

    def number(key: numbers.Key, place: int = 0) -> float:
        return found[key][place] if key in found else 0

    requests = {key[1:]: values for key, values in found.items() if key[0] == numbers.REQUESTS}
    labels = ["method", "route", "status"]
    yield _counters(
        "http_requests", "Requests that were answered", labels, {k: sum(v[1:]) for k, v in requests.items()}
    )
    durations: dict[numbers.Key, list[float]] = {}
    for key, values in requests.items():
        sums = durations.setdefault(key[:2], [0.0] * len(values))
        durations[key[:2]] = [a + b for a, b in zip(sums, values, strict=True)]
    family = HistogramMetricFamily(
        f"{P}http_request_seconds", "How long requests took until their answer began", labels=labels[:2]
    )
    for key, values in durations.items():
        _add_histogram(family, dict(zip(labels, key, strict=False)), numbers.BOUNDS, values[1:], values[0])
    yield family
    yield _counter("commits", "Transactions that wrote", number(numbers.COMMITS))
    yield _counter("writes", "Writes in these transactions", number(numbers.COMMITS, 1))
    yield _counter(
        "jobs_retried", "Jobs that failed, or whose lease ran out, and are tried again", number(numbers.RETRIED)
    )
    yield _counter("jobs_expired", "Jobs that nobody had begun when it was too late", number(numbers.EXPIRED))
    yield _counter("leases_expired", "Leases that ran out", number(numbers.LEASES))
    yield _gauge("claims_waiting", "Claims that wait for a job", number(numbers.WAITING))
    errors = {key[1:]: values[0] for key, values in found.items() if key[0] == numbers.ERRORS}
    yield _counters("database_errors", "What the database could not do", ["error"], errors)
    yield _gauge("database_up", "1 if the database answered", is_there)


def _by_type(found: dict[str, int]) -> Mapping[numbers.Key, float]:
    return {(kind,): number for kind, number in found.items()}


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(P + name, help_text, value)


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(P + name, help_text, value)


def _gauges(name: str, help_text: str, labels: list[str], values: Mapping[numbers.Key, float]) -> Metric:
    family = GaugeMetricFamily(P + name, help_text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counters(name: str, help_text: str, labels: list[str], values: Mapping[numbers.Key, float]) -> Metric:
    family = CounterMetricFamily(P + name, help_text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _add_histogram(
    family: HistogramMetricFamily,
    labels: dict[str, str],
    bounds: Iterable[float],
    counts: Iterable[float],
    total: float | None = None,
) -> None:
    """`counts` are those of each bucket alone. `total` is the sum of the durations; None leaves it out."""
    ends = [*map(str, bounds), "+Inf"]
    family.add_metric(list(labels.values()), list(zip(ends, accumulate(counts), strict=True)), total)
