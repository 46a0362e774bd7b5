"""Under gevent, as under gunicorn: a commit stops no other request, and a cancelled greenlet stops no other write."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.support.server import RunProgram

FILE = Path(__file__).with_name("greenlet_stories.py")
STORIES = re.findall(r"^def (\w+)\(stage: Stage\)", FILE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("story", STORIES)
def test_under_gevent(story: str, sqlite_url: str, run_program: RunProgram) -> None:
    module = f"{__package__}.{FILE.stem}"
    command = [sys.executable, "-W", "error", "-m", "gevent.monkey", "--module", module, story, sqlite_url]
    ended = run_program(*command, environ=os.environ)  # its coverage is measured
    assert ended.returncode == 0, ended.stderr
