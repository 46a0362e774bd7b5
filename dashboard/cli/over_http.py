"""What the commands that speak HTTP share: the server's address, the token, `--json`, and what a refusal becomes."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from dashboard.client import Jobs, JobsError, Refused
from dashboard.core.printable import printable

PATIENCE = 10.0  # seconds that a call is repeated, while a person waits
REFUSED = 77  # EX_NOPERM of sysexits.h


def over_http(function: Callable[..., None]) -> Callable[..., None]:
    """Give the command --url and --token, and call it with a client as its first argument."""

    @click.option(
        "--url",
        envvar="JOBS_URL",
        show_envvar=True,
        default="http://127.0.0.1:8080",
        show_default=True,
        help="The server.",
    )
    @click.option("--token", envvar="JOBS_TOKEN", show_envvar=True, help="One of the server's TOKENS.")
    @wraps(function)
    def call(url: str, token: str | None, **options: Any) -> None:
        try:
            with Jobs(url, token, patience=PATIENCE) as jobs:
                function(jobs, **options)
        except ValueError as error:  # an argument that cannot be sent
            raise click.UsageError(printable(str(error))) from error
        except JobsError as error:
            click.echo(f"jobqueue: {printable(str(error))}", err=True)
            sys.exit(REFUSED if isinstance(error, Refused) and error.status in (401, 403) else 1)

    return call


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def echo_json(value: Any) -> None:
    click.echo(printable(json.dumps(value, ensure_ascii=False)))
