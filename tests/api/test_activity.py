"""Who did what: kept with what it tells, found again by person, action and time, without secrets, for a year."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from dashboard.core.view import SHARED, View
from dashboard.core.who import Via, Who
from dashboard.database.schema import activity
from dashboard.database.transactions import reading, write, writing
from dashboard.ops import housekeeper
from dashboard.services import bulk, pause, views
from dashboard.services import jobs as job_service
from dashboard.services.bulk import Bulk, What
from dashboard.store import pause as pause_store
from dashboard.store.selection import Selection
from tests.support.app import MakeApp
from tests.support.html import page
from tests.support.statements import statements

PASSWORD, VIEWERS = "presses-buttons", "looks-on-only"
TOKEN = "token-of-ci-0123456"
KEYS = ["id", "at", "who", "role", "action", "job_id", "count", "via", "detail"]


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    users = f"ada:operator:{PASSWORD} vera:viewer:{VIEWERS}"
    return make_app(database_url, TOKENS=f"ci:operator:{TOKEN}", USERS=users)


def script(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    return client


def person(app: Flask, name: str = "ada", password: str = PASSWORD) -> FlaskClient:
    client = app.test_client()
    client.post("/sign-in", data={"name": name, "password": password})
    return client


def kept(app: Flask, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = script(app).get(f"/activity?{query}").get_json()
    return found


def stored(app: Flask) -> Sequence[Any]:
    """The entries as the database has them."""
    with app.app_context(), reading() as tx:
        return tx.execute(activity.select().order_by(activity.c.id)).all()


def told(app: Flask, query: str = "") -> list[tuple[Any, ...]]:
    """Who did what to what, oldest first, without sign-ins."""
    entries = reversed(kept(app, query))
    return [(each["who"], each["action"], each["count"]) for each in entries if each["action"] != "sign_in"]


def test_what_a_person_does_on_the_dashboard_is_kept(app: Flask) -> None:
    ada = person(app)
    for _ in range(2):
        ada.post("/dashboard/jobs/new", data={"type": "t"})
    ada.post("/dashboard/claim")
    first, second = reversed(ada.get("/jobs").get_json())
    for job, action in ((second, "process"), (first, "complete"), (second, "fail"), (first, "retry")):
        ada.post(f"/dashboard/jobs/{job['id']}/{action}")
    done = [entry for entry in reversed(kept(app)) if entry["job_id"]]
    assert [list(entry) for entry in done] == [KEYS] * 7
    actions = [(entry["action"], entry["job_id"]) for entry in done]
    assert actions[2:] == [
        *(("claim", first["id"]), ("process", second["id"]), ("complete", first["id"])),
        *(("fail", second["id"]), ("retry", first["id"])),
    ]
    assert {(entry["who"], entry["role"], entry["via"]) for entry in done} == {("ada", "operator", "dashboard")}


def test_the_routine_of_a_worker_is_not_kept(app: Flask) -> None:
    ci = script(app)
    made = ci.post("/jobs/batch", json=[{"type": "t"}] * 5).get_json()
    ci.post("/jobs", json={"type": "t"})
    ci.post("/jobs/claim")
    ci.post(f"/jobs/{made[0]['id']}/complete")
    ci.post(f"/jobs/{made[1]['id']}/process")
    ci.post(f"/jobs/{made[1]['id']}/fail?reason=broken")
    for end in ("complete", "fail", "release", "heartbeat"):
        held = ci.post("/jobs/claim?lease=60").get_json()
        ci.post(f"/jobs/{held['id']}/{end}?token={held['token']}")
    assert kept(app) == []


def test_what_a_script_does_that_is_no_routine_is_kept(app: Flask) -> None:
    ci = script(app)
    ids = [job["id"] for job in ci.post("/jobs/batch", json=[{"type": "t"}] * 2).get_json()]
    ci.post(f"/jobs/{ids[0]}/fail")  # calls it off
    ci.post(f"/jobs/{ids[1]}/process?lease=60")
    ci.post(f"/jobs/{ids[1]}/fail")  # takes it away from its worker
    ci.post(f"/jobs/{ids[1]}/retry")
    done = [(entry["who"], entry["via"], entry["action"], entry["job_id"]) for entry in reversed(kept(app))]
    assert done == [("ci", "api", "fail", ids[0]), ("ci", "api", "fail", ids[1]), ("ci", "api", "retry", ids[1])]


def test_a_bulk_action_is_one_entry_with_the_number_of_its_jobs(app: Flask) -> None:
    ci = script(app)
    ids = [job["id"] for job in ci.post("/jobs/batch", json=[{"type": "t"}] * 5).get_json()]
    ci.post("/jobs/bulk", json={"action": "fail", "filter": {"type": "t"}, "limit": 1_000})
    body: dict[str, Any] = {"action": "retry", "filter": {"q": "T"}, "key": "k", "limit": 2}
    place, rows = None, []
    while True:
        rows.append(stored(app))
        answer = ci.post("/jobs/bulk", json=body | {"after": place}).get_json()
        ci.post("/jobs/bulk", json=body | {"after": place})  # the same slice once more does nothing
        if not (place := answer["next"]):
            break
    assert len(ids) == 5
    assert told(app) == [("ci", "bulk_fail", 5), ("ci", "bulk_retry", 5)]
    assert [entry["detail"] for entry in kept(app)] == ["FAILED, by a search", "PENDING, t"]
    assert len(kept(app, "limit=1")) == len(kept(app, f"before={kept(app)[0]['id']}")) == 1
    for before, after in pairwise([*rows, stored(app)]):
        assert after[: len(before)] == before  # entries are added, and none is changed
    assert len(stored(app)) == 4


def test_sign_ins_sign_outs_and_wrong_passwords_are_kept_once_each(app: Flask) -> None:
    ada = person(app)
    person(app, "vera", "wrong-password")
    person(app, "a-password-in-the-wrong-field")
    ada.post("/sign-out")
    ada.post("/sign-out")
    assert [(entry["who"], entry["role"], entry["action"]) for entry in reversed(kept(app))] == [
        ("ada", "operator", "sign_in"),
        ("vera", "viewer", "sign_in_refused"),
        (None, None, "sign_in_refused"),
        ("ada", "operator", "sign_out"),
    ]


def test_wrong_passwords_of_one_name_are_one_entry_a_minute(app: Flask) -> None:
    for name in ("vera", "nobody", "vera"):
        person(app, name, "wrong-password")
    entries = kept(app, "action=sign_in_refused")
    assert {(entry["who"], entry["count"]) for entry in entries} == {(None, None), ("vera", None)}
    assert len(entries) <= 3  # a minute may have ended meanwhile


def test_of_chosen_jobs_it_tells_that_they_were_chosen_and_not_the_filter(app: Flask) -> None:
    ada = person(app)
    ada.post("/dashboard/jobs/new", data={"type": "t"})
    with app.app_context(), reading() as tx:
        seq = tx.execute(text("SELECT seq FROM jobs")).scalar_one()
    answer = ada.post("/dashboard/bulk", data={"action": "priority", "seq": seq, "type": "t", "priority": "7"})
    assert answer.status_code == 303
    (entry,) = kept(app, "action=bulk_priority")
    assert (entry["who"], entry["count"], entry["detail"]) == ("ada", 1, "chosen one by one; to priority 7")


def test_the_page_offers_the_names_in_order(app: Flask) -> None:
    for name in ("vera", "ada"):
        person(app, name, {"ada": PASSWORD, "vera": VIEWERS}[name])
    script(app).post("/queue/pause", json={})
    offered = page(person(app), "/dashboard/activity").split('<datalist id="names">')[1].split("</datalist>")[0]
    assert [part.split('"')[0] for part in offered.split('value="')[1:]] == ["ada", "ci", "vera"]


def test_what_a_role_does_not_allow_is_one_entry_a_minute(app: Flask) -> None:
    vera = person(app, "vera", VIEWERS)
    for _ in range(3):
        assert vera.post("/jobs/claim").status_code == 403
    vera.post("/dashboard/jobs/new")
    vera.put("/jobs")
    assert vera.post("/no-such-place").status_code == 404
    assert app.test_client().post("/jobs/claim").status_code == 401
    entries = kept(app, "action=refused&limit=1000")
    assert {(entry["who"], entry["role"]) for entry in entries} == {("vera", "viewer")}
    assert {entry["detail"] for entry in entries} == {"POST /jobs/claim", "POST /dashboard/jobs/new", "no such method"}
    assert len(entries) <= 4  # a minute may have ended meanwhile


def test_what_is_refused_or_changes_nothing_is_not_kept_as_done(app: Flask) -> None:
    ada = person(app)
    job = ada.post("/jobs", json={"type": "t"}).get_json()["id"]
    ada.post(f"/dashboard/jobs/{job}/complete")
    ada.post(f"/dashboard/jobs/{job}x/fail")
    ada.post("/jobs/bulk", json={"action": "retry", "filter": {}, "key": "k"})
    ada.post("/jobs/bulk", json={"action": "fail", "filter": {}, "dry_run": True})
    assert told(app) == []


def test_entries_are_found_by_person_action_job_and_time_and_page_by_page(app: Flask) -> None:
    ci, ada = script(app), person(app)
    ids = [job["id"] for job in ci.post("/jobs/batch", json=[{"type": "t"}] * 4).get_json()]
    for number, job in enumerate(ids):
        (ci if number % 2 else ada).post(f"/jobs/{job}/fail")
        ci.post(f"/jobs/{job}/retry")
    assert [entry["job_id"] for entry in kept(app, "who=ci&action=fail")] == [ids[3], ids[1]]
    assert [entry["action"] for entry in kept(app, f"job_id={ids[0]}")] == ["retry", "fail"]
    everything = kept(app)
    assert [entry["id"] for entry in everything] == sorted((entry["id"] for entry in everything), reverse=True)
    pages, before = [], ""
    for _ in count():
        if not (found := kept(app, f"limit=2{before}")):
            break
        pages += found
        before = f"&before={found[-1]['id']}"
    assert pages == everything
    middle = everything[4]
    assert kept(app, f"since={middle['at']}") == everything[:5]
    assert kept(app, f"until={middle['at']}") == everything[5:]
    assert [
        answer.status_code
        for query in ("action=x", "limit=0", "before=0", "since=x")
        for answer in [ci.get(f"/activity?{query}")]
    ] == [422] * 4


def test_the_page_shows_narrows_and_pages_them(app: Flask) -> None:
    ci, ada = script(app), person(app)
    ids = [job["id"] for job in ci.post("/jobs/batch", json=[{"type": "t"}] * 60).get_json()]
    for job in ids:
        ci.post(f"/jobs/{job}/fail")
    html = page(ada, "/dashboard/activity")
    assert html.count('<tr id="activity-') == 50
    older = html.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    assert page(ada, older).count('<tr id="activity-') == 11  # the sign-in, too
    assert page(ada, f"/dashboard/activity?who=ci&action=fail&job_id={ids[0]}").count('<tr id="activity-') == 1
    assert "Nothing of this kind" in page(ada, "/dashboard/activity?action=retry")
    assert ada.get("/dashboard/activity?action=nonsense").status_code == 422
    assert f"/dashboard/activity?job_id={ids[0]}" in page(ada, f"/dashboard/jobs/{ids[0]}")


def together(app: Flask, works: list[Callable[[], object]]) -> None:
    """Do these while another write goes on: on SQLite they wait for it, and share one commit."""
    begun, may_end = Event(), Event()

    def in_app(work: Callable[[], object]) -> None:
        with app.app_context():
            work()

    def hold(_tx: object) -> None:
        begun.set()
        may_end.wait(10)

    threads = [Thread(target=in_app, args=(lambda: write(hold),))]
    threads[0].start()
    begun.wait(10)
    for work in works:
        threads.append(Thread(target=in_app, args=(work,)))
        threads[-1].start()
    waits = getattr(app.extensions["writer"], "waiting", None)
    while waits is not None and app.extensions["writer"].waiting < len(works):
        pass
    may_end.set()
    for thread in threads:
        thread.join()


def test_two_people_in_one_commit_have_an_entry_each_and_one_that_fails_has_none(app: Flask) -> None:
    ci = script(app)
    ids = [job["id"] for job in ci.post("/jobs/batch", json=[{"type": "t"}] * 40).get_json()]
    people = [Who(f"person-{number % 2}", "operator", Via.DASHBOARD) for number in range(len(ids))]

    def act(job: str, who: Who) -> None:
        job_service.fail(job, None, who)

    def fail_after_it(job: str, who: Who) -> None:
        def work(tx: Any) -> None:
            tx.execute(text("SELECT 1"))
            raise ValueError(job, who)

        with pytest.raises(ValueError, match="person"):
            write(work)

    works: list[Callable[[], object]] = [
        lambda job=job, who=who: act(job, who)  # type: ignore[misc]
        for job, who in zip(ids, people, strict=True)
    ]
    works.insert(7, lambda: fail_after_it(ids[0], people[0]))
    together(app, works)
    entries = kept(app, "action=fail&limit=1000")
    assert {entry["job_id"]: entry["who"] for entry in entries} == {
        job: who.name for job, who in zip(ids, people, strict=True)
    }
    assert len(entries) == len(ids)


def test_a_pause_a_view_and_a_bulk_action_of_several_people_in_one_commit_have_their_own_names(app: Flask) -> None:
    ci = script(app)
    for kind in ("a", "b"):
        ci.post("/jobs", json={"type": kind})
    ada, bob, eve = (Who(name, "operator", Via.DASHBOARD) for name in ("ada", "bob", "eve"))

    def call_off(kind: str, who: Who) -> None:
        bulk.run(Bulk(What.FAIL, Selection(type=kind), 10), who)

    works: list[Callable[[], object]] = [
        lambda: pause.begin(ada, "why"),
        lambda: views.keep(bob, View(SHARED, "ours", "q=x")),
        lambda: call_off("a", eve),
        lambda: views.keep(ada, View("ada", "mine", "q=x")),
        lambda: call_off("b", bob),
    ]
    together(app, works)
    entries = [(entry["who"], entry["action"], entry["detail"]) for entry in kept(app)]
    assert sorted(entries) == [
        ("ada", "pause", "why"),
        ("bob", "bulk_fail", "PENDING, b"),
        ("bob", "share_view", "ours"),
        ("eve", "bulk_fail", "PENDING, a"),
    ]


def test_an_entry_and_what_it_tells_are_one_transaction(app: Flask) -> None:
    ada = person(app)
    job = ada.post("/jobs", json={"type": "t"}).get_json()["id"]
    with app.app_context(), writing() as tx:
        tx.execute(text("ALTER TABLE activity RENAME TO elsewhere"))
    call_off = {"action": "fail", "filter": {"status": "PENDING"}}
    try:
        for action in ("process", "fail", "undo"):
            assert ada.post(f"/dashboard/jobs/{job}/{action}").status_code >= 500
        for path in ("/dashboard/pause", "/dashboard/fragments/pause", "/queue/pause"):
            assert ada.post(path).status_code >= 500
        assert script(app).post("/jobs/bulk", json=call_off).status_code >= 500
        assert ada.post("/dashboard/claim").status_code >= 500
        assert ada.post("/dashboard/jobs/new", data={"type": "t"}).status_code >= 500
        assert [each["status"] for each in script(app).get("/jobs").get_json()] == ["PENDING"]
        assert person(app, "vera", VIEWERS).get("/jobs").status_code == 401  # she is not signed in
        with app.app_context(), reading() as tx:
            assert pause_store.get(tx) is None
    finally:
        with app.app_context(), writing() as tx:
            tx.execute(text("ALTER TABLE elsewhere RENAME TO activity"))


def test_nothing_secret_is_in_it(app: Flask) -> None:
    secret = "4111-1111"
    ada, ci = person(app), script(app)
    person(app, "ada", "wrong-password-typed")
    person(app, PASSWORD, PASSWORD)
    vera = person(app, "vera", VIEWERS)
    vera.post(f"/jobs/{secret}/fail?reason={secret}", headers={"Idempotency-Key": f"{secret}-{secret}"})
    ada.post("/dashboard/jobs/new", data={"type": "t", "payload": f'{{"card": "{secret}"}}'})
    job = ada.get("/jobs").get_json()[0]["id"]
    token = ci.post(f"/jobs/{job}/process?lease=60").get_json()["token"]
    ci.post(f"/jobs/{job}/fail?reason={secret}")
    ci.post("/jobs/bulk", json={"action": "retry", "filter": {"q": secret, "reason": secret}, "key": secret})
    with app.app_context(), reading() as tx:
        rows = repr(tx.execute(activity.select()).all())
    for word in (PASSWORD, VIEWERS, TOKEN, secret, token, "wrong-password-typed"):
        assert word not in rows
    assert rows.count("datetime") >= 7


def test_what_is_older_than_a_year_is_deleted_in_slices(app: Flask) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    with app.app_context():
        with writing() as tx:
            for days in [366] * 1_200 + [364] * 3:
                row = {"at": now - timedelta(days=days), "action": "retry", "via": "api"}
                tx.execute(activity.insert(), row)
        sent = statements(lambda: housekeeper.forget(app))
        assert sum("DELETE" in statement for statement, _ in sent) == 3
        assert statements(lambda: housekeeper.forget(app)) == []  # until the next hour
    assert len(kept(app, "limit=1000")) == 3


def test_where_all_is_open_the_dashboard_s_actions_have_no_name_and_a_script_s_are_not_kept(
    make_app: MakeApp, sqlite_url: str
) -> None:
    client = make_app(sqlite_url).test_client()
    job = client.post("/jobs", json={"type": "t"}).get_json()["id"]
    client.post(f"/jobs/{job}/fail")
    client.post(f"/jobs/{job}/retry")
    client.post(f"/dashboard/jobs/{job}/retry")
    found = client.get("/activity").get_json()
    assert [(entry["who"], entry["role"], entry["action"]) for entry in found] == [(None, None, "retry")]
    assert "without a name" in page(client, "/dashboard/activity")
