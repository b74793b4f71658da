"""An affiliate's room in a real browser: charts with something to draw or nothing, and tiles."""

import json
from datetime import timedelta

import pytest

from partners.models import Role
from tests import factories
from tests.factories import PASSWORD
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


def charts(page):
    """What the charts of the room say, and whether they have a picture."""
    said = {"email": EMAIL, "password": PASSWORD}
    page.run(
        f"for (const [id, text] of Object.entries({json.dumps(said)}))"
        " document.getElementById(id).value = text;"
        " document.querySelector('form').requestSubmit()"
    )
    eventually(lambda: page.run("!!document.querySelector('figure.chart canvas')"), within_s=20)
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
