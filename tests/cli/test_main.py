"""The command's own words: its help, its version, completion."""

import pytest

from dashboard import __version__
from dashboard.cli.main import main
from tests.support.commands import invoke


def test_its_version_is_that_of_the_package() -> None:
    assert invoke("version").stdout == invoke("--version").stdout == f"{__version__}\n"


@pytest.mark.parametrize("name", sorted(main.commands))
def test_each_command_has_a_help_that_says_what_it_does(name: str) -> None:
    told = invoke(name, "--help").stdout
    assert told.startswith(f"Usage: jobqueue {name} ")
    assert len(told.splitlines()) > 4
    assert max(map(len, told.splitlines())) <= 100
    assert name in invoke("--help").stdout


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_a_shell_gets_a_script_that_completes(shell: str) -> None:
    assert "_JOBQUEUE_COMPLETE" in invoke("completion", shell).stdout


def test_bash_gets_one_too() -> None:
    assert "_JOBQUEUE_COMPLETE=bash_complete" in invoke("completion", "bash").stdout


def test_an_unknown_shell_is_wrong_usage() -> None:
    assert "'bash', 'zsh', 'fish'" in invoke("completion", "tcsh", status=2).stderr
