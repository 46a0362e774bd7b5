"""The filter of the jobs page, read from the address."""

import re

import pytest
from flask.testing import FlaskClient

from dashboard.core.job import JobStatus
from tests.support.factory import make_job
from tests.support.html import counters, create, page, rows

BAD_FILTERS = (
    "before=0",
    "after=1.5",
    f"after={2**63}",
    "type=a%00",
    f"q={'x' * 201}",
    "hold=x",
    "after=5&before=9",
)


@pytest.mark.parametrize("status", JobStatus)
def test_a_status_in_the_address_filters_the_table_and_not_the_counters(client: FlaskClient, status: JobStatus) -> None:
    ids = {each: make_job(each).id for each in JobStatus}
    html = page(client, f"/dashboard/?status={status}")
    assert list(rows(html)) == [ids[status]]
    assert set(counters(html).values()) == {1}


def test_a_type_and_a_text_in_the_address_filter_the_table(client: FlaskClient) -> None:
    # No id can have this text in it: an n is no hexadecimal digit.
    wanted = create(client, type="send_email", payload={"to": "ann"})
    create(client, type="send_email")
    create(client, payload={"to": "ann"})
    assert list(rows(page(client, "/dashboard/?type=send_email&q=ANN"))) == [wanted]
    assert list(rows(page(client, f"/dashboard/?q={wanted}"))) == [wanted]


@pytest.mark.parametrize("query", BAD_FILTERS)
def test_a_filter_that_is_not_valid_is_422(client: FlaskClient, query: str) -> None:
    for path in ("/dashboard/", "/dashboard/fragments/board"):
        assert f"The {query.split('=')[0]} in the address is not valid" in page(client, f"{path}?{query}", 422)


def test_a_status_that_there_is_not_is_named(client: FlaskClient) -> None:
    assert "There is no status BOGUS" in page(client, "/dashboard/?status=BOGUS", 422)


@pytest.mark.parametrize("name", ["status", "type", "of_type", "q", "before"])
def test_a_filter_that_the_address_has_twice_is_422(client: FlaskClient, name: str) -> None:
    html = page(client, f"/dashboard/?{name}=&{name}=", 422)
    assert f"The address has more than one {name}" in html


def test_the_form_shows_the_filter_and_the_types_in_use(client: FlaskClient) -> None:
    create(client, type="send_email")
    for text in ("ann", "bob"):  # the form of one address is never another one's
        html = page(client, f"/dashboard/?status=FAILED&type=send&q={text}&sort=oldest")
        assert re.search(rf'name="q"[^>]* value="{text}"', html)
        assert '<option selected value="FAILED">' in html
        assert re.search(r'name="type"[^>]* value="send"', html)
        assert re.search(r'name="sort"[^>]* value="oldest"', html)
        assert '<option value="send_email">' in html


def test_only_a_refresh_holds_its_rows(client: FlaskClient) -> None:
    first, second = create(client), create(client)
    seq = re.search(r'data-seq="(\d+)"', rows(page(client, "/dashboard/"))[first])
    assert seq
    assert list(rows(page(client, f"/dashboard/?hold={seq[1]}"))) == [second, first]
    assert list(rows(page(client, f"/dashboard/fragments/board?hold={seq[1]}"))) == [first]
