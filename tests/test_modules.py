"""Each module of dashboard/ has a test file of its name, or one that is named here."""

from collections.abc import Iterator

import pytest

from tests.support.server import ROOT

# A behaviour that goes through several modules is tested where one sees it: at the API, in the tables, at the start.
TESTED_BY = {
    "api/test_api.py": ("api/jobs", "api/operation", "api/schemas", "http/json_text"),
    "api/test_bulk.py": ("services/bulk",),
    "api/test_export.py": ("http/download", "services/export"),
    "api/test_filters.py": ("services/search", "store/selection"),
    "api/test_leases.py": ("api/runs", "core/run", "services/runs", "store/full_jobs", "store/runs"),
    "api/test_openapi.py": ("api/description", "api/shapes"),
    "api/test_schedules.py": ("api/bodies", "api/claims", "api/words", "core/times", "services/create"),
    "cli/test_backup.py": ("cli/flask_jobs", "database/backup"),
    "cli/test_calls.py": ("cli/over_http", "core/printable"),
    "cli/test_wheel.py": ("cli/safe_gunicorn", "cli/serve", "files"),
    "cli/test_work.py": ("cli/child", "cli/guard", "cli/program", "cli/screen"),
    "client/test_client.py": ("client",),
    "cli/test_import_jobs.py": ("core/past", "services/history", "store/past"),
    "core/test_transitions.py": ("core/errors", "core/job"),
    "api/test_who.py": ("core/who",),
    "api/test_pause.py": ("core/pause", "services/pause", "store/pause"),
    "api/test_activity.py": ("core/activity", "services/activity", "store/activity", "store/distinct", "web/activity"),
    "database/test_greenlets.py": ("database/blocking", "database/own_commit"),
    "database/test_migrations.py": ("database/migrate",),
    "database/test_pgbouncer.py": ("database/postgresql",),
    "database/test_standby.py": ("database/pulse", "database/writes"),
    "database/test_pools.py": ("database/clock", "database/engine", "database/sqlite", "database/statement"),
    "http/test_refusals.py": ("api/refusals", "web/refusals"),
    "security/test_access.py": ("security/passwords", "security/sessions", "security/throttle", "web/sign_in"),
    "security/test_security.py": ("security/checks", "security/cross_site", "security/headers", "security/hosts"),
    "services/test_lease_machine.py": ("core/backoff", "services/settle"),
    "services/test_machine.py": ("services/claims",),
    "ops/test_metrics.py": ("ops/traffic", "services/metrics", "store/by_type"),
    "services/test_totals.py": ("store/totals",),
    "services/test_minutes.py": ("core/minutes", "store/oldest"),
    "services/test_overview.py": ("services/memory", "services/overdue", "services/verdict", "store/overview"),
    "services/test_races.py": ("ops/housekeeper",),
    "services/test_retention.py": ("store/finished",),
    "services/test_waiting.py": ("database/watch",),
    "store/test_minutes.py": ("store/minute_sums", "store/reasons"),
    "web/test_job.py": ("web/pace",),
    "web/test_views.py": ("core/view", "services/views", "store/views"),
    "store/test_plans.py": ("database/planner", "store/due"),
    "store/test_search.py": ("database/deadline", "database/matching", "store/listing", "store/types"),
    "store/test_store.py": ("database/schema", "store/claims", "store/counts", "store/jobs", "store/queued"),
    "system/test_concurrency.py": ("database/file_lock",),
    "system/test_faults.py": ("database/errors", "ops/health"),
    "system/test_start.py": ("__main__", "database/usable"),
    "system/test_waiting.py": ("http/client",),
}


def modules() -> Iterator[str]:
    for path in (ROOT / "dashboard").rglob("*.py"):
        if path.name != "__init__.py" and "migrations" not in path.parts:
            yield path.relative_to(ROOT / "dashboard").with_suffix("").as_posix()


def file_of(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}.py".removeprefix("/")


def test_each_module_has_a_test_file_of_its_name_or_one_that_is_named_here() -> None:
    without = {module for module in modules() if not (ROOT / "tests" / file_of(module)).exists()}
    assert sorted(without) == sorted(module for named in TESTED_BY.values() for module in named)


@pytest.mark.parametrize("name", TESTED_BY)
def test_a_file_that_is_named_here_exists(name: str) -> None:
    assert (ROOT / "tests" / name).exists()
