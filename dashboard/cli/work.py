"""`jobqueue work`: any program becomes a worker."""

import shutil
from typing import Any

import click

from dashboard.cli.guard import Guard
from dashboard.cli.over_http import over_http
from dashboard.cli.program import TERM_FOR, Program
from dashboard.cli.screen import display
from dashboard.client import Jobs

REPORTED_WITHIN = 5.0  # seconds after the end of a program that was stopped


class WithProgram(click.Command):
    """Its arguments end at `--`; what follows is a program and the arguments of that."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        cut = args.index("--") if "--" in args else len(args)
        rest = super().parse_args(ctx, args[:cut])
        ctx.params["program"] = tuple(args[cut + 1 :])
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- PROGRAM [ARGUMENTS]..."]


@click.command(cls=WithProgram)
@click.argument("types", nargs=-1)
@click.option("--slots", type=click.IntRange(1, 1_000), default=1, show_default=True, help="Jobs at once.")
@click.option("--lease", type=click.IntRange(1, 86_400), default=60, show_default=True, help="Seconds.")
@click.option("--attempts", type=click.IntRange(1, 100), help="How often a job may fail, if its creator did not say.")
@click.option("--timeout", type=click.FloatRange(0.0, min_open=True), help="Seconds that a program may take.")
@click.option(
    "--grace", type=click.FloatRange(0.0), default=30.0, show_default=True, help="Seconds to end after SIGTERM."
)
@click.option("--name", help="Of the worker.  [default: the host's and the process's id]")
@click.option("--once", is_flag=True, help="Wait for one job, and end.")
@click.option("--drain", is_flag=True, help="End when there is no job.")
@click.option("--json", "as_json", is_flag=True, help="Log JSON, an object a line.")
@over_http
def work(
    jobs: Jobs,
    types: tuple[str, ...],
    program: tuple[str, ...],
    timeout: float | None,
    grace: float,
    once: bool,
    drain: bool,
    as_json: bool,
    **worker: Any,
) -> None:
    """Run PROGRAM for each job of these TYPES, or of any.

    \b
    jobqueue work image_resize image_crop --slots 4 --attempts 3 -- python resize.py
    jobqueue work report --timeout 600 -- ./report.sh      # a script; it fails after ten minutes
    jobqueue work --once -- cat                            # one job of any type, by its payload
    jobqueue work --drain -- sh -c 'jq -r .url | xargs curl -fsS'      # until there is no job

    \b
    It gets    the payload as JSON on stdin; JOB_ID, JOB_TYPE, JOB_ATTEMPT, JOB_PRIORITY, JOB_TOKEN
               and JOBS_URL in its environment.
    Exit 0     the job is complete. Stdout that is one JSON object is its result; else its result has
               stdout and stderr, the first and the last 32 kB of each.
    Exit 65    the job failed, and is never tried again.
    Other      the attempt failed (75 says just that), and the job is tried again while attempts are
               left. The last line of stderr is the reason.
    Progress   lines `progress 42 a text` on descriptor 3 are shown on the job's page.
    Stops      by SIGTERM to it and what it has started, and SIGKILL 10 s later: when the lease is
               lost, the job is called off, or the timeout is over.

    SIGTERM, SIGINT (Ctrl-C) or SIGHUP ends this command: it takes no new job, gives those that run their grace, and
    then gives them back. A second one gives them back at once.

    \b
    Exit status: 0 it was stopped or drained; 1 the server refuses what is asked; 2 wrong usage;
    77 the server refuses the token (401, 403).
    """
    if not program:
        raise click.UsageError(
            "Say after -- which program does the jobs: jobqueue work image_resize -- python resize.py"
        )
    if shutil.which(program[0]) is None:
        raise click.UsageError(f"There is no program {program[0]!r}")
    if once and drain:
        raise click.UsageError("--once and --drain exclude each other")
    url: str = click.get_current_context().params["url"]
    with Guard() as guard, display(as_json=as_json) as shown:
        function = Program(program, url, timeout, grace, guard, shown)
        # The program itself is stopped at the end of the grace; the worker waits for that.
        jobs.worker(*types, grace=grace + TERM_FOR + REPORTED_WITHIN, **worker)(function)
        jobs.run(once=once, drain=drain)
