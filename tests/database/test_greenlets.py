"""Under gevent, as under gunicorn: a commit stops no other request, and a cancelled greenlet stops no other write."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT

FILE = Path(__file__).with_name("greenlet_stories.py")
STORIES = re.findall(r"^def (\w+)\(stage: Stage\)", FILE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("story", STORIES)
def test_under_gevent(story: str, sqlite_url: str) -> None:
    module = f"{__package__}.{FILE.stem}"
    command = [sys.executable, "-W", "error", "-m", "gevent.monkey", "--module", module, story, sqlite_url]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)
