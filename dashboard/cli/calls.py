"""The commands that create, show and change jobs, each by a call of the API."""

import json
import re
import sys
from typing import Any

import click

from dashboard.cli.over_http import as_json, echo_json, over_http
from dashboard.client import Jobs, json_bytes
from dashboard.core.printable import printable

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "FAILED")


def _payload(value: str) -> dict[str, Any]:
    """A JSON object; `-` reads it from stdin."""
    try:
        payload = json.loads(sys.stdin.read() if value == "-" else value)
        json_bytes(payload)  # Python reads NaN and 1e999, too
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"it is not JSON: {error}") from None
    if not isinstance(payload, dict):
        raise click.BadParameter('it is not an object, as {"width": 300}')
    return payload


def _time(value: str) -> float | str:
    """Seconds from now, or a date and time."""
    return float(value) if re.fullmatch(r"\d+(\.\d+)?", value) else value


@click.command()
@click.argument("type_", metavar="TYPE")
@click.argument("payload", type=_payload, required=False)
@click.option("--priority", type=int, help="A larger one is more urgent.  [default: 0]")
@click.option("--key", help="With the same key a second create makes no second job.")
@click.option(
    "--run-at", type=_time, metavar="TIME", help="Not before: seconds from now, or a time as 2026-01-01T03:00:00 (UTC)."
)
@click.option("--expires-at", type=_time, metavar="TIME", help="The job fails if no worker has begun it by then.")
@click.option("--max-attempts", type=int, help="How often it may fail.")
@as_json
@over_http
def create(jobs: Jobs, type_: str, payload: dict[str, Any] | None, key: str | None, as_json: bool, **more: Any) -> None:
    """Create a job, and print its id.

    PAYLOAD is a JSON object; - reads it from stdin.

    \b
    jobqueue create image_resize '{"width": 300}' --priority 5
    jobqueue create report --key "report-$(date +%F)" --run-at 3600
    """
    job = jobs.create(type_, payload, key=key, **{name: value for name, value in more.items() if value is not None})
    echo_json(job) if as_json else click.echo(job["id"])


@click.command("list")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Of this status alone.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
@click.option("--before", metavar="ID", help="For the next page: the id of the last job of this one.")
@as_json
@over_http
def list_(jobs: Jobs, status: str | None, limit: int, before: str | None, as_json: bool) -> None:
    """List the newest jobs, the newest first."""
    found = jobs.newest(status=status, limit=limit, before=before)
    if as_json:
        echo_json(found)
        return
    for job in found:
        line = f"{job['id']}  {job['created_at'][:19]}  {job['status']:9}  {job['priority']:3}  {job['type']}"
        click.echo(printable(line))


@click.command()
@click.argument("job_id", metavar="ID")
@as_json
@over_http
def show(jobs: Jobs, job_id: str, as_json: bool) -> None:
    """Show a job and its attempts."""
    job = jobs.get(job_id, full=True)
    if as_json:
        echo_json(job)
        return
    attempts = job.pop("attempts")
    for name, value in job.items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            click.echo(printable(f"{name:16} {text}"))
    for run in attempts:
        ended = f"{run['outcome']} {run['ended_at'][:19]}" if run["ended_at"] else "runs"
        why = f": {run['reason']}" if run["reason"] else ""
        line = f"attempt {run['attempt']:<8} {run['started_at'][:19]} {run['worker'] or '-'}, {ended}{why}"
        click.echo(printable(line))


@click.command()
@click.argument("job_id", metavar="ID")
@as_json
@over_http
def retry(jobs: Jobs, job_id: str, as_json: bool) -> None:
    """Run a finished job again: a new job, whose id is printed."""
    job = jobs.retry(job_id)
    echo_json(job) if as_json else click.echo(job["id"])


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--reason", help="It becomes the job's result.")
@as_json
@over_http
def fail(jobs: Jobs, job_id: str, reason: str | None, as_json: bool) -> None:
    """Fail a job for good, or call it off; a worker that holds it stops."""
    job = jobs.call_off(job_id, reason)
    echo_json(job) if as_json else click.echo(job["status"])


COMMANDS = (create, list_, show, retry, fail)
