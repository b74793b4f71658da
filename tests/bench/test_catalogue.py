"""The catalogue that benchmarks run on is one that a tracker would serve."""

import psycopg

from network import clock
from partners import snapshot
from tests.bench.catalogue import fill
from tracking.clicks.evaluate import evaluate


def test_all_links_of_the_catalogue_are_there_and_good(fresh_db):
    with psycopg.connect(fresh_db.url, autocommit=True) as connection:
        codes = fill(connection, links=300, offers=20, affiliates=10, advertisers=3)
        found = snapshot.load(connection)
    assert len(found.links) == 300
    assert len(found.offers) == 20
    assert len({link.affiliate.id for link in found.links.values()}) == 10
    assert {evaluate(found.links[code], clock.now()) for code in codes} == {"ok"}
    for offer in found.offers.values():
        assert offer.default_goal.terms
        assert offer.targeting
        assert offer.landings
