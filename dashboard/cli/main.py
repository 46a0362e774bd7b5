"""The command `jobqueue`."""

import os
import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from dashboard import __version__
from dashboard.cli import calls, serve
from dashboard.cli.work import work


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(version)s")
def main() -> None:
    """A job queue with a web dashboard.

    \b
    jobqueue serve                                  the server, on http://127.0.0.1:8080
    jobqueue create image_resize '{"width": 300}'   a job
    jobqueue work image_resize -- python resize.py  any program becomes a worker

    `serve`, `demo` and `import` work on the database DATABASE_URL. All others speak HTTP to the server JOBS_URL,
    with the token JOBS_TOKEN where it asks for one.

    \b
    Exit status: 0 done; 1 it failed; 2 wrong usage; 77 the server refuses the token.
    """
    _open_closed_streams()


def _open_closed_streams() -> None:
    """Have stdin, stdout and stderr all be there, as after 2>&-: what is opened next would get their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


@main.command("serve", context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve_command(arguments: tuple[str, ...]) -> None:
    """Serve the dashboard and the API by gunicorn; all ARGUMENTS are gunicorn's.

    \b
    jobqueue serve                    on http://127.0.0.1:8080; its database is jobs.db in this folder
    PORT=80 HOST=0.0.0.0 USERS=ada:operator:a-long-password jobqueue serve

    The README has all settings; they are environment variables.
    """
    serve.serve(arguments)


@main.command()
def demo() -> None:
    """Add three days of example jobs to the database DATABASE_URL; each run adds as many again."""
    serve.add_examples()


@main.command("import")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def import_command(file: Path) -> None:
    """Bring in the jobs of FILE, which have a past, into the database DATABASE_URL.

    \b
    jobqueue import jobs.ndjson       as GET /jobs/export writes it
    jobqueue import old/jobs.db       the SQLite database of the service before this one

    Ids, statuses, times and results are kept. A job that is there already is left alone, so it can be done again.
    """
    serve.import_jobs(file)


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes this command.

    \b
    eval "$(jobqueue completion bash)"              in ~/.bashrc
    eval "$(jobqueue completion zsh)"               in ~/.zshrc
    jobqueue completion fish | source               in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind  # click has one for each choice  # noqa: S101
    click.echo(kind(main, {}, "jobqueue", "_JOBQUEUE_COMPLETE").source())


for command in (work, *calls.COMMANDS):
    main.add_command(command)


if __name__ == "__main__":
    main(prog_name="jobqueue")
