"""The primary is killed under load and its standby promoted: nothing acknowledged is lost, nothing is done twice."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.failover import fail_over

ROUNDS = 5
pytestmark = [pytest.mark.postgres, pytest.mark.server]


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that PostgreSQL's user may reach."""
    base = Path(os.environ.get("TMPDIR", "/tmp")) / f"jobs-failover-{os.getpid()}"
    base.mkdir()
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


def test_failovers_under_load_lose_nothing_and_hand_out_nothing_twice(folder: Path) -> None:
    assert fail_over(folder, ROUNDS).creates
