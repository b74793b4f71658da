"""The jobs: they do all that is due, and nothing when nothing is."""

from payouts import tasks
from tests import factories
from tests.payouts.earning import books, deposit, earn, violations


def test_the_jobs_bring_a_share_to_payable(fred, alice):
    shop = factories.make_advertiser()
    deposit(shop, "100", fred.actor)
    earn(alice.affiliate, shop, "5")
    assert (tasks.accrue(), tasks.release()) == (1, 1)
    assert (tasks.accrue(), tasks.release()) == (0, 0)
    assert books()["affiliate_payable"] == "-5.00"
    assert violations() == []
