"""Saved views: a name for a filter of the jobs page, for one person or for all."""

import re
from html import unescape
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from dashboard.core.view import NAME_MAX, VIEWS_MAX
from dashboard.database.schema import views
from dashboard.database.transactions import reading, writing
from tests.support.app import MakeApp
from tests.support.html import page
from tests.support.statements import statements

WORDS = {"ada": "presses-buttons", "bob": "presses-too", "vera": "looks-on-only"}
TOKEN = "token-on-the-wall-1"


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    roles = {"ada": "operator", "bob": "operator", "vera": "viewer"}
    users = " ".join(f"{name}:{role}:{WORDS[name]}" for name, role in roles.items())
    return make_app(database_url, USERS=users, TOKENS=f"ada:viewer:{TOKEN}")


def person(app: Flask, name: str) -> FlaskClient:
    client = app.test_client()
    client.post("/sign-in", data={"name": name, "password": WORDS[name]})
    return client


def save(client: FlaskClient, name: str, whose: str = "new", expect: int = 303, **query: str) -> str:
    answer = client.post(f"/dashboard/views/{whose}", data={"name": name, **query})
    assert answer.status_code == expect, answer.text
    return str(answer.location if expect == 303 else answer.text)


def row(client: FlaskClient, query: str = "") -> list[tuple[str, str]]:
    """The names and addresses of the row of links on the jobs page; the current one's name has a star."""
    found = re.search(r'<nav id="views".*?</nav>', page(client, f"/dashboard/{query}"), re.DOTALL)
    assert found
    links = re.findall(r'<a href="([^"]*)"( aria-current="true")?[^>]*><bdi>(.*?)</bdi>', found[0])
    assert (" hidden>" in found[0]) == (not links)
    return [(unescape(name) + ("*" if current else ""), unescape(url)) for url, current, name in links]


def names(client: FlaskClient, query: str = "") -> list[str]:
    return [name for name, _ in row(client, query)]


def kept(app: Flask) -> list[tuple[str, ...]]:
    with app.app_context(), reading() as tx:
        return [tuple(each) for each in tx.execute(views.select().order_by(views.c.owner, views.c.name))]


def test_a_view_is_a_link_to_the_list_that_was_saved_and_the_current_one_is_marked(app: Flask) -> None:
    ada = person(app, "ada")
    saved = save(ada, "Bad  mails ", status="FAILED", type="mail", q="a&b=ä", sort="oldest")
    assert row(ada) == [("Bad mails", saved)]
    assert names(ada, saved.removeprefix("/dashboard/")) == ["Bad mails*"]
    assert names(ada, saved.removeprefix("/dashboard/") + "&choose=1") == ["Bad mails*"]
    assert names(ada, "?status=FAILED") == ["Bad mails"]
    html = page(ada, saved)
    assert '<option selected value="FAILED">' in html
    assert re.search(r'name="q"[^>]* value="a&amp;b=ä"', html)


def test_one_s_own_views_are_seen_by_oneself_alone_and_shared_ones_by_all(app: Flask) -> None:
    ada, bob, vera = (person(app, name) for name in WORDS)
    save(ada, "mine", q="ada")
    save(vera, "mine", q="vera")
    save(ada, "ours", "shared", status="FAILED")
    assert names(ada) == names(vera) == ["mine", "ours"]
    assert names(bob) == ["ours"]
    assert dict(row(ada))["mine"] != dict(row(vera))["mine"]
    wall = app.test_client()
    wall.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    assert names(wall) == ["ours"]  # a token of the same name is somebody else
    save(wall, "on the wall", q="wall")
    assert names(wall) == ["on the wall", "ours"]
    assert names(ada) == ["mine", "ours"]


def test_without_sign_in_all_share_what_is_saved(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url)
    for whose in ("new", "shared"):
        save(app.test_client(), whose, whose, status="FAILED")
    assert names(app.test_client()) == ["new", "shared"]
    assert "Save for all" in page(app.test_client(), "/dashboard/views/new?status=FAILED")
    app.test_client().post("/dashboard/views/delete", data={"name": "new"})
    assert names(app.test_client()) == ["shared"]


def test_a_view_of_the_same_name_takes_the_place_of_the_one_before(app: Flask) -> None:
    ada = person(app, "ada")
    save(ada, "mine", q="one")
    save(ada, "mine", "shared", q="shared")
    save(ada, "mine", q="two")
    assert [url for _, url in row(ada)] == ["/dashboard/?q=two", "/dashboard/?q=shared"]


def test_one_deletes_one_s_own_and_an_operator_what_is_shared(app: Flask) -> None:
    ada, bob, vera = (person(app, name) for name in WORDS)
    for client in (ada, bob, vera):
        save(client, "mine", q="x")
    save(ada, "ours", "shared", q="x")
    html = page(vera, "/dashboard/views")
    assert re.findall('action="(/dashboard/views/[^"]*)"', html) == ["/dashboard/views/delete"]
    assert "/dashboard/views/shared/delete" in page(bob, "/dashboard/views")
    assert vera.post("/dashboard/views/shared/delete", data={"name": "ours"}).status_code == 403
    assert vera.post("/dashboard/views/delete", data={"name": "ours"}).location == "/dashboard/views"
    for _ in range(2):
        assert vera.post("/dashboard/views/delete", data={"name": "mine"}).status_code == 303
    assert [owner for owner, *_ in kept(app)] == ["", "ada", "bob"]
    bob.post("/dashboard/views/shared/delete", data={"name": "ours"})
    assert names(ada) == ["mine"]
    assert "There are no saved views" in page(vera, "/dashboard/views")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "A view needs a name"),
        (" \t ", "A view needs a name"),
        ("x" * (NAME_MAX + 1), f"{NAME_MAX} characters"),
        ("a\0b", "A NUL character cannot be stored"),
    ],
)
def test_what_is_wrong_with_a_name_stands_under_it(app: Flask, name: str, says: str) -> None:
    ada = person(app, "ada")
    for url in ("/dashboard/views/new", "/dashboard/fragments/views/new", "/dashboard/views/shared"):
        answer = ada.post(url, data={"name": name, "status": "FAILED"})
        assert answer.status_code == 422
        (error,) = re.findall(r'id="name-error">(.*?)</p>', answer.text)
        assert says in error
        assert '<input type="hidden" name="status" value="FAILED">' in answer.text
    assert kept(app) == []


def test_one_keeps_so_many_views_and_no_more(app: Flask) -> None:
    ada, vera = person(app, "ada"), person(app, "vera")
    with app.app_context(), writing() as tx:
        many = [{"owner": owner, "name": str(n), "query": ""} for owner in ("", "ada") for n in range(VIEWS_MAX)]
        tx.execute(views.insert(), many)
    assert f"You have {VIEWS_MAX} views already: delete one first" in save(ada, "more", expect=422)
    assert f"There are {VIEWS_MAX} views already: delete one first" in save(ada, "more", "shared", expect=422)
    save(ada, "7", q="another")
    save(vera, "more")
    assert len(kept(app)) == 2 * VIEWS_MAX + 1


HOSTILE = (
    {"status": "LOST"},
    {"type": "x" * 101},
    {"q": "a\0"},
    {"sort": "newest"},
    {"reason": "x" * 1_001},
)


@pytest.mark.parametrize("query", HOSTILE, ids=str)
def test_a_filter_that_the_jobs_page_would_refuse_is_not_saved(app: Flask, query: dict[str, str]) -> None:
    answer = person(app, "ada").post("/dashboard/views/new", data={"name": "bad", **query})
    assert answer.status_code == 422
    assert kept(app) == []


def test_a_view_says_which_jobs_come_first_and_keeps_no_order_of_another_list(app: Flask) -> None:
    ada = person(app, "ada")
    save(ada, "longest", status="RUNNING", sort="oldest")
    save(ada, "shortest", status="RUNNING", sort="shortest")
    save(ada, "oldest", status="FAILED", sort="oldest")
    assert [query for _, _, query in kept(app)] == [
        "status=RUNNING",
        "status=FAILED&sort=oldest",
        "status=RUNNING&sort=shortest",
    ]
    told = re.findall(r'class="hint">(The jobs[^<]*)</span>', page(ada, "/dashboard/views"))
    assert told == [
        "The jobs that are RUNNING, the longest running first",
        "The jobs that are FAILED, the oldest first",
        "The jobs that are RUNNING, the last started first",
    ]


def test_of_what_is_sent_only_the_fields_of_a_filter_are_kept(app: Flask) -> None:
    ada = person(app, "ada")
    sent = {"before": "5", "hold": "1,2", "choose": "1", "format": "csv", "url": "//evil.example"}
    sent |= {"name": "odd", "q": '"><script>&status=FAILED#x'}
    assert ada.post("/dashboard/views/new", data=sent).status_code == 303
    assert kept(app) == [("ada", "odd", "q=" + quote('"><script>&status=FAILED#x'))]
    assert [url for _, url in row(ada)] == ["/dashboard/?q=" + quote('"><script>&status=FAILED#x')]
    twice = ada.post("/dashboard/views/new", data={"name": "x", "q": ["a", "b"]})
    assert twice.status_code == 422


def test_a_name_from_outside_is_shown_as_text_and_turns_no_direction(app: Flask) -> None:
    ada = person(app, "ada")
    save(ada, "<img src=x>\u202eevil", q="x")
    for url in ("/dashboard/", "/dashboard/views", "/dashboard/fragments/views"):
        assert "<bdi>&lt;img src=x&gt;\\u202eevil</bdi>" in page(ada, url)


def test_the_list_offers_to_be_saved_where_it_is_filtered(app: Flask) -> None:
    vera = person(app, "vera")
    assert "Save view…" not in page(vera, "/dashboard/?choose=1")
    link = re.search(r'<a href="([^"]*)" data-hx-get[^>]*>Save view…', page(vera, "/dashboard/?status=FAILED&choose=1"))
    assert link
    assert link[1] == "/dashboard/views/new?status=FAILED"
    html = page(vera, link[1])
    assert "Save for all" not in html
    assert "Save for all" in page(person(app, "ada"), link[1])


def test_with_htmx_a_toast_says_it_and_the_row_is_told_to_refresh(app: Flask) -> None:
    ada = person(app, "ada")
    asked = ada.get("/dashboard/fragments/views/new?q=x")
    assert (asked.headers["HX-Retarget"], 'name="q" value="x"' in asked.text) == ("#ask", True)
    for whose in ("new", "shared"):
        answer = ada.post(f"/dashboard/fragments/views/{whose}", data={"name": whose, "q": "x"})
        assert (answer.status_code, answer.headers["HX-Trigger"]) == (200, "views-changed")
        assert f"Saved the view {whose}<" in answer.text
    html = ada.get("/dashboard/fragments/views?q=x").text
    assert html.count('aria-current="true"') == 2
    assert (html[:4], html[-6:]) == ("<nav", "</nav>")


def test_what_is_shared_is_told_by_activity_and_what_is_one_s_own_is_not(app: Flask) -> None:
    ada, vera = person(app, "ada"), person(app, "vera")
    for client in (ada, vera):
        save(client, "mine", q="secret")
        client.post("/dashboard/views/delete", data={"name": "mine"})
    save(ada, "ours", "shared", q="secret")
    for _ in range(2):
        ada.post("/dashboard/views/shared/delete", data={"name": "ours"})
    entries = [each for each in ada.get("/activity").get_json() if each["action"] != "sign_in"]
    told = [(each["who"], each["action"], each["via"], each["detail"]) for each in reversed(entries)]
    assert told == [
        ("ada", "share_view", "dashboard", "ours"),
        ("ada", "delete_view", "dashboard", "ours"),
    ]


def test_a_shared_view_and_its_entry_are_one_transaction(app: Flask) -> None:
    ada = person(app, "ada")
    save(ada, "ours", "shared", q="x")
    before = kept(app)
    with app.app_context(), writing() as tx:
        tx.execute(text("ALTER TABLE activity RENAME TO elsewhere"))
    try:
        for path in ("shared", "shared/delete"):
            answer = ada.post(f"/dashboard/views/{path}", data={"name": "ours", "q": "y"})
            assert answer.status_code >= 500
    finally:
        with app.app_context(), writing() as tx:
            tx.execute(text("ALTER TABLE elsewhere RENAME TO activity"))
    assert kept(app) == before


def test_they_cost_a_page_one_statement_and_a_refresh_of_the_list_none(app: Flask) -> None:
    ada = person(app, "ada")
    save(ada, "mine", q="x")
    for path, number in (("/dashboard/", 1), ("/dashboard/fragments/board", 0)):
        with app.app_context():
            found = statements(lambda path=path: ada.get(path))  # type: ignore[misc]
        assert sum("views" in statement for statement, _ in found) == number
