"""Write the HTML of every page, in its states, into a folder: `./run lint` has html-validate read it."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.database import engine

HOSTILE = "<img src=x> '\"&amp; \u202e"
PASSWORD = "only-looks-on"


def pages(client: FlaskClient) -> dict[str, str]:
    ids = [client.post("/jobs", json={"type": HOSTILE, "payload": {HOSTILE: [1]}}).get_json()["id"] for _ in range(60)]
    client.post(f"/jobs/{ids[0]}/process")
    client.post(f"/jobs/{ids[0]}/complete", json={"result": {HOSTILE: None}})
    client.post(f"/jobs/{ids[1]}/fail?reason={HOSTILE}")
    client.post(f"/jobs/{ids[2]}/process")
    leased, tried, scheduled, again = leases(client)
    return {
        "overview": client.get("/dashboard/overview").text,
        "jobs": client.get("/dashboard/").text,
        "filtered": client.get(f"/dashboard/?status=FAILED&type={HOSTILE}&q={HOSTILE}").text,
        "choose": client.get("/dashboard/?choose=1").text,
        "later": client.get("/dashboard/?before=20").text,
        "nothing": client.get("/dashboard/?q=nothing").text,
        "completed": client.get(f"/dashboard/jobs/{ids[0]}").text,
        "failed": client.get(f"/dashboard/jobs/{ids[1]}").text,
        "running": client.get(f"/dashboard/jobs/{ids[2]}").text,
        "pending": client.get(f"/dashboard/jobs/{ids[3]}").text,
        "leased": client.get(f"/dashboard/jobs/{leased}").text,
        "tried": client.get(f"/dashboard/jobs/{tried}").text,
        "scheduled": client.get(f"/dashboard/jobs/{scheduled}").text,
        "run_again": client.get(f"/dashboard/jobs/{ids[0]}").text,
        "again": client.get(f"/dashboard/jobs/{again}").text,
        "fail_leased": client.get(f"/dashboard/jobs/{leased}/fail").text,
        "complete_leased": client.get(f"/dashboard/jobs/{leased}/complete").text,
        "queue": client.get("/dashboard/queue").text,
        "workers": client.get("/dashboard/workers").text,
        "activity": client.get("/dashboard/activity").text,
        "new": client.get("/dashboard/jobs/new").text,
        "new_with_errors": client.post("/dashboard/jobs/new", data={"payload": HOSTILE}).text,
        "complete": client.get(f"/dashboard/jobs/{ids[2]}/complete").text,
        "complete_with_an_error": client.post(f"/dashboard/jobs/{ids[2]}/complete", data={"result": HOSTILE}).text,
        "fail": client.get(f"/dashboard/jobs/{ids[3]}/fail").text,
        "refused": client.post(f"/dashboard/jobs/{ids[0]}/fail").text,
        "docs": client.get("/docs").text,
        "pause": client.get("/dashboard/pause").text,
        **views(client),
        **paused(client),
    }


def views(client: FlaskClient) -> dict[str, str]:
    query = {"status": "FAILED", "type": HOSTILE, "q": HOSTILE}
    found = {"save_view": client.get("/dashboard/views/new", query_string=query).text}
    found["save_view_with_an_error"] = client.post("/dashboard/views/shared", data=query).text
    client.post("/dashboard/views/shared", data=query | {"name": HOSTILE})
    return found | {"views": client.get("/dashboard/views").text, "with_views": client.get("/dashboard/").text}


def paused(client: FlaskClient) -> dict[str, str]:
    client.post("/queue/pause", json={"reason": HOSTILE})
    paths = {"paused_jobs": "/dashboard/", "paused_queue": "/dashboard/queue", "paused_form": "/dashboard/jobs/new"}
    found = {name: client.get(path).text for name, path in paths.items()}
    client.post("/queue/resume")
    return found


def leases(client: FlaskClient) -> list[str]:
    """A job that a worker holds, one that waits after two runs, one for later, and one that runs another again."""
    held, tried, later = (
        client.post("/jobs", json={"type": HOSTILE, **more}).get_json()["id"]
        for more in ({}, {}, {"run_at": 86_400, "expires_at": 90_000, "max_attempts": 5})
    )
    token = "a-token-of-16-to-64"
    query = {"lease": "60", "worker": HOSTILE, "attempts": "3"}
    client.post(f"/jobs/{held}/process", query_string=query, headers={"Idempotency-Key": token})
    client.post(f"/jobs/{held}/heartbeat?token={token}", json={"progress": 42, "message": HOSTILE})
    for end in ("release?in=0&", f"fail?retry_in=600&reason={HOSTILE}%0A{HOSTILE}&"):
        own = client.post(f"/jobs/{tried}/process", query_string=query).get_json()["token"]
        client.post(f"/jobs/{tried}/{end}token={own}")
    finished = client.get("/jobs?status=COMPLETED").get_json()[0]["id"]
    return [held, tried, later, client.post(f"/jobs/{finished}/retry").get_json()["id"]]


def pages_with_users(client: FlaskClient) -> dict[str, str]:
    """What a viewer sees of the jobs that pages() made."""
    wrong, right = ({"name": "vera", "password": password} for password in (HOSTILE, PASSWORD))
    found = {"sign_in": client.get("/sign-in").text, "sign_in_with_an_error": client.post("/sign-in", data=wrong).text}
    client.post("/sign-in", data=right)
    job_id = client.get("/jobs?status=RUNNING").get_json()[0]["id"]
    return found | {
        "viewer": client.get("/dashboard/").text,
        "viewer_running": client.get(f"/dashboard/jobs/{job_id}").text,
        "viewer_refused": client.get("/dashboard/jobs/new").text,
    }


def main(folder: Path) -> None:
    with TemporaryDirectory() as temporary:
        environ = {"DATABASE_URL": f"sqlite:///{temporary}/jobs.db"}
        app, guarded = create_app(environ), create_app({**environ, "USERS": f"vera:viewer:{PASSWORD}"})
        client = app.test_client()
        empty = {"empty": "/dashboard/", "empty_queue": "/dashboard/queue", "empty_workers": "/dashboard/workers"}
        empty["empty_activity"] = "/dashboard/activity"
        found = {name: client.get(path).text for name, path in empty.items()}
        found |= pages(client)
        found |= pages_with_users(guarded.test_client())
        for name, html in found.items():
            (folder / f"{name}.html").write_text(html, encoding="utf-8")
        for each in (app, guarded):
            with each.app_context():
                engine.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
