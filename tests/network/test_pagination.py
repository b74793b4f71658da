"""Pages by key: every row once, whatever is written between two pages."""

from datetime import UTC, datetime, timedelta

import pytest

from network.models import Heartbeat

pytestmark = pytest.mark.django_db
BEATS = "/api/v1/heartbeats"
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _rows():
    # Three to an instant: the second column has to break ties.
    Heartbeat.objects.bulk_create(
        Heartbeat(name=f"r{number:02}", at=START + timedelta(seconds=number // 3))
        for number in range(20)
    )


def in_order():
    return list(Heartbeat.objects.order_by("-at", "name").values_list("name", flat=True))


def names(page):
    return [row["name"] for row in page["results"]]


def pages(client, **query):
    """All pages by cursor, from the first."""
    while True:
        page = client.get(BEATS, query).json()
        yield page
        if page["next_cursor"] is None:
            return
        query["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 19, 20, 200])
def test_every_row_comes_once_and_in_order(anna, limit):
    found = [name for page in pages(anna, limit=limit) for name in names(page)]
    assert found == in_order()


def test_the_addresses_lead_forward_and_back(anna):
    first = anna.get(BEATS, {"limit": 7}).json()
    second = anna.get(first["next"]).json()
    third = anna.get(second["next"]).json()
    assert (first["previous"], third["next"], third["next_cursor"]) == (None, None, None)
    assert names(anna.get(third["previous"]).json()) == names(second)
    back = anna.get(second["previous"]).json()
    assert (names(back), back["previous"]) == (names(first), None)
    assert names(anna.get(back["next"]).json()) == names(second)


def test_new_rows_do_not_shift_the_pages(anna):
    expected = in_order()
    walk = pages(anna, limit=5)
    found = names(next(walk))
    Heartbeat.objects.create(name="new", at=START + timedelta(days=1))
    for page in walk:
        found += names(page)
    assert found == expected


def test_without_a_limit_there_are_fifty(anna):
    Heartbeat.objects.bulk_create(Heartbeat(name=f"s{number}", at=START) for number in range(100))
    assert len(anna.get(BEATS).json()["results"]) == 50


def test_filters_hold_on_every_page(anna):
    query = {"at_before": START.isoformat(), "limit": 2}
    found = [name for page in pages(anna, **query) for name in names(page)]
    assert found == ["r00", "r01", "r02"]


def test_no_rows_make_one_empty_page(anna):
    page = anna.get(BEATS, {"name": "none"}).json()
    assert page == {"next": None, "previous": None, "next_cursor": None, "results": []}


@pytest.mark.parametrize("limit", ["0", "201", "-1", "ten", "1.5", "", "\u0663"])
def test_a_limit_is_from_1_to_200(anna, limit):
    answer = anna.get(BEATS, {"limit": limit})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    "cursor",
    ["x", "", "!!!!", "W10", "WzFd", "e30", "\u00e9", "x" * 2000,
     "W2ZhbHNlLCJub3doZW4iLCJyMDEiXQ", "W2ZhbHNlLCIyMDI2Il0"],
)  # fmt: skip
def test_a_cursor_that_is_not_ours_is_refused(anna, cursor):
    answer = anna.get(BEATS, {"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "?cursor"
