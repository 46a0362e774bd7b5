"""A later version migrates the database while this one goes on serving: instances are replaced one by one."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.support import http
from tests.support.app import MakeApp
from tests.support.database import query
from tests.support.migrations import MIGRATIONS, upgrade
from tests.support.server import Server, StartServer
from tests.support.waiting import eventually

LATER = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade():
    op.add_column("jobs", sa.Column("later", sa.Text))
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("CREATE INDEX jobs_of_later ON jobs (later, seq)")
"""


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The migrations of a later version, which has one more."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    head = max(script.name[:4] for script in (folder / "versions").glob("*.py"))
    (folder / "versions" / "9999_later.py").write_text(LATER.format(head=head))
    return folder


@contextmanager
def traffic(server: Server) -> Iterator[Counter[int]]:
    """Jobs are created, claimed and completed meanwhile: how many answers there are of each status."""
    answers: Counter[int] = Counter()
    is_over = Event()

    def work() -> None:
        with http.Client(base_url=server.url) as client:
            while not is_over.is_set():
                answers[client.post("/jobs", json={"type": "t"}).status_code] += 1
                claimed = client.post("/jobs/claim?lease=60")
                answers[claimed.status_code] += 1
                job = claimed.json()
                ended = client.post(f"/jobs/{job['id']}/complete?token={job['token']}")
                answers[ended.status_code] += 1

    thread = Thread(target=work)
    thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        thread.join()


def test_this_version_goes_on_serving_while_a_later_one_migrates_and_afterwards(
    empty_url: str, later: Path, start_server: StartServer
) -> None:
    server = start_server(empty_url)
    with traffic(server) as answers:
        for done in (False, True):
            enough = answers.total() + 60
            eventually(lambda enough=enough: answers.total() > enough, "there is traffic")  # type: ignore[misc]
            if not done:
                upgrade(empty_url, "9999", later)
    assert set(answers) == {200, 201}
    with http.Client(base_url=server.url) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/dashboard/").status_code == 200
    assert query(empty_url, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_an_instance_of_this_version_starts_on_it_too_and_leaves_it_as_it_is(
    empty_url: str, later: Path, make_app: MakeApp
) -> None:
    upgrade(empty_url, "9999", later)
    client = make_app(empty_url).test_client()
    assert client.get("/readyz").status_code == 200
    assert client.post("/jobs", json={"type": "t"}).status_code == 201
    assert query(empty_url, "SELECT version_num FROM alembic_version") == [("9999",)]
