"""The catalogue that benchmarks run on is one that a tracker would serve."""

import psycopg

from partners import snapshot
from tests.bench.catalogue import fill
from tests.tracking.visits import make_visit
from tracking.clicks.evaluate import evaluate

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def test_all_links_of_the_catalogue_are_there_and_good(fresh_db):
    with psycopg.connect(fresh_db.url, autocommit=True) as connection:
        codes = fill(connection, links=300, offers=20, affiliates=10, advertisers=3)
        found = snapshot.load(connection)
    # From the first country that the offers are for.
    visit = make_visit(user_agent=FIREFOX, peer="2.160.0.1")
    assert len(found.links) == 300
    assert len(found.offers) == 20
    assert len({link.affiliate.id for link in found.links.values()}) == 10
    assert {evaluate(found.links[code], visit) for code in codes} == {("ok", "")}
    for offer in found.offers.values():
        assert offer.default_goal.terms
        assert offer.targeting
        assert offer.landings
