"""An affiliate's room in a real browser: charts with something to draw or nothing, and tiles."""

import json
from datetime import timedelta

import pytest

from partners.auth import actor_of_person
from partners.models import Role
from tests import factories
from tests.configuring import make_smart_link
from tests.factories import PASSWORD
from tests.payouts.earning import deposit
from tests.running import eventually
from tests.tracking.rows import make_click, make_conversion
from tests.tracking.servers import serve

EMAIL = "alice@test.example"
# Text and pictures of each chart, once those that have any are drawn.
CHARTS = """
Array.from(document.querySelectorAll("figure.chart")).map((figure) =>
  [figure.textContent, figure.querySelectorAll("canvas").length])
"""
# Tiles: how many are in the first row, the lines of each, and the room that is left to the right.
TILES = """
import("/static/portal/tiles.js").then(({ tiles }) => {
  const list = tiles(%s.map((value) => ({ name: "Payable", values: [value] })));
  list.style.width = "40rem";
  document.getElementById("main").replaceChildren(list);
  const found = Array.from(list.querySelectorAll("dd"));
  const texts = found.map((each) => {
    const range = document.createRange();
    range.selectNodeContents(each);
    return range;
  });
  return {
    beside: found.filter((each) => each.offsetTop === found[0].offsetTop).length,
    lines: texts.map((text) => text.getClientRects().length),
    room: Math.min(...found.map((each, index) =>
      each.getBoundingClientRect().right - texts[index].getBoundingClientRect().right)),
  };
})
"""

MONEY = """
import("/static/portal/format.js").then(({ money, rounded, sum }) => {
  const given = %s.map(([amount, currency]) => ({ amount, currency }));
  return { rounded: given.map(rounded), sum: money(sum(given.slice(0, 4))) };
})
"""
BALANCES = """
Array.from(document.querySelectorAll("section.card")).at(-1)
  .querySelectorAll("table")[0].innerText.split("\\n").map((line) => line.split("\\t"))
"""
LINKS = "Array.from(document.querySelectorAll('ul.links p')).map((each) => each.textContent)"


@pytest.fixture
def page(fresh_db, tmp_path, chromium):
    """The portal's page, before anybody has signed in."""
    app = "network.asgi:application"
    log = tmp_path / "web.log"
    with serve(fresh_db.environment, log=log, app=app, ready="/healthz") as server:
        page = chromium.page()
        page.go(f"http://127.0.0.1:{server.port}/")
        eventually(lambda: page.run("!!document.getElementById('email')"), within_s=20)
        yield page
        assert page.errors() == []


@pytest.fixture
def link(fresh_db):
    affiliate = factories.make_affiliate()
    user = factories.make_user(EMAIL, password=PASSWORD)
    factories.make_member(Role.AFFILIATE, affiliate.organisation, user)
    return factories.make_link(affiliate=affiliate)


def sign_in(page, sees):
    """Sign in, and wait for an element of the room."""
    said = {"email": EMAIL, "password": PASSWORD}
    page.run(
        f"for (const [id, text] of Object.entries({json.dumps(said)}))"
        " document.getElementById(id).value = text;"
        " document.querySelector('form').requestSubmit()"
    )
    eventually(lambda: page.run(f"!!document.querySelector({json.dumps(sees)})"), within_s=20)


def charts(page):
    """What the charts of the room say, and whether they have a picture."""
    sign_in(page, "figure.chart canvas")
    return [(text, pictures > 0) for text, pictures in page.run(CHARTS)]


def test_a_chart_of_no_money_says_so_in_place_of_bars(link, page):
    make_click(link)
    clicks, commission = charts(page)
    assert clicks == ("Clicks1", True)
    nothing = "Nothing in EUR was approved or reversed in these days."
    assert commission == (f"Commission (EUR){nothing}", False)


def test_a_chart_of_no_clicks_says_so_in_place_of_bars(link, page):
    make_conversion(link, status="approved", clicked=timedelta(days=60))
    clicks, commission = charts(page)
    assert clicks == ("ClicksNo clicks in these days.", False)
    assert commission == ("Commission (EUR)€7.00", True)


def test_tiles_stand_side_by_side_as_wide_as_their_longest_amount_on_one_line(page):
    short = page.run(TILES % json.dumps(["€1.00"] * 3))
    assert (short["beside"], short["lines"]) == (3, [1, 1, 1])
    long = page.run(TILES % json.dumps(["€1.00", "UGX 123,456,789,012.345678", "€2.00"]))
    assert (long["beside"], long["lines"]) == (1, [1, 1, 1])
    assert long["room"] >= 0


def test_an_amount_of_a_tile_is_rounded_down_and_a_sum_is_exact(page):
    given = [("5530.599431", "EUR"), ("-0.001", "EUR"), ("9007199254740993.1", "EUR"), ("3", "EUR")]
    shown = page.run(MONEY % json.dumps([*given, ("7", "JPY"), ("0.0019", "KWD")]))
    assert [each["text"].replace("\xa0", " ") for each in shown["rounded"]] == [
        "€5,530.59", "-€0.01", "€9,007,199,254,740,993.10", "€3.00", "JP¥7", "KWD 0.001",
    ]  # fmt: skip
    assert [each["exact"] for each in shown["rounded"]][:4] == [
        "€5,530.599431", "-€0.001", None, None,
    ]  # fmt: skip
    assert shown["sum"] == "€9,007,199,254,746,526.698431"


def test_links_tell_which_are_smart_and_whose_offer_takes_nobody(link, page):
    factories.make_link(factories.make_offer(status="ended", name="Old"), link.affiliate)
    make_smart_link(link.affiliate, name="All of it")
    sign_in(page, "ul.links")
    smart, old, live = page.run(LINKS)
    assert smart == "All of it · Smart link"
    assert old.endswith("Old (the offer has ended)")
    assert live.endswith(link.offer.name)


def test_balances_that_are_not_shown_stand_as_their_sum(fresh_db, page):
    user = factories.make_user(EMAIL, password=PASSWORD)
    member = factories.make_member(Role.FINANCE, user=user)
    actor = actor_of_person(user, membership_id=str(member.pk))
    for number in range(12):
        deposit(factories.make_advertiser(f"shop{number}"), f"{number + 1}.01", actor)
    sign_in(page, "section.card:last-child table")
    _caption, _heads, *rows = page.run(BALANCES)
    assert len(rows) == 11
    assert rows[-1][:2] == ["2 more", "€3.02"]
