"""Every kind of change of the configuration that is patched into a snapshot, on whatever rows.

Each takes `pick`, which chooses one of a list.
"""

from network.ids import uuid7
from partners.models import (
    Advertiser,
    Affiliate,
    Application,
    Cap,
    ExternalId,
    Goal,
    Landing,
    Link,
    LinkKey,
    Offer,
    ReportKey,
    SmartLink,
    SmartOffer,
    SmartWeight,
)
from tests import configuring, factories


def make_network(size=2):
    """Some of most things, so that there is something to change and to leave."""
    for number in range(size):
        link = factories.make_link(factories.make_offer(visibility="approval"))
        factories.make_application(link.offer, link.affiliate)
        configuring.make_link_key(link.affiliate)
        configuring.make_landing(link.offer)
        configuring.make_cap(link.offer)
        smart = configuring.make_smart_link(link.affiliate)
        configuring.make_choice(smart, link.offer)
        configuring.make_weight(smart, link.offer)
        ExternalId.objects.create(
            dialect="cake", kind="offer", external_id=str(number), internal_id=1,
            created_at=factories.EVER,
        )  # fmt: skip


def any_of(model, pick):
    """A row of the model, any; there is one always."""
    return pick(list(model.objects.order_by("pk")))


def toggled(model, column):
    def change(pick):
        row = any_of(model, pick)
        setattr(row, column, not getattr(row, column))
        row.save()

    return change


def given_another(model, column, *values):
    def change(pick):
        row = any_of(model, pick)
        setattr(row, column, pick(values))
        row.save()

    return change


def removed(model):
    def change(pick):
        if model.objects.count() > 1:
            any_of(model, pick).delete()

    return change


def new_external_id(pick):
    ExternalId.objects.create(
        dialect="tune", kind="offer", external_id=str(uuid7()), internal_id=pick(range(1, 10)),
        created_at=factories.EVER,
    )  # fmt: skip


def moved(model):
    """Gives a row to another offer."""

    def change(pick):
        row = any_of(model, pick)
        row.offer = any_of(Offer, pick)
        row.save()

    return change


def applied(pick):
    offer, affiliate = any_of(Offer, pick), any_of(Affiliate, pick)
    status = pick(Application.Status.values)
    Application.objects.update_or_create(
        offer=offer, affiliate=affiliate,
        defaults={"status": status, "created_at": factories.EVER},
    )  # fmt: skip


def chosen(pick):
    smart, offer = any_of(SmartLink, pick), any_of(Offer, pick)
    SmartOffer.objects.update_or_create(
        smart_link=smart, offer=offer, defaults={"priority": pick(range(0, 4))}
    )


def learned(pick):
    smart, offer = any_of(SmartLink, pick), any_of(Offer, pick)
    SmartWeight.objects.update_or_create(
        smart_link=smart, offer=offer, country=pick(["", "DE"]), device="",
        defaults={"weight_ppm": pick(range(0, 10)), "learned_at": factories.EVER},
    )  # fmt: skip


def new_key_of_advertiser(pick):
    advertiser = any_of(Advertiser, pick)
    ReportKey.objects.create(
        advertiser=advertiser, key_id=str(uuid7()), sealed_secret=b"opens nowhere",
        created_at=factories.EVER,
    )  # fmt: skip


CHANGES = {
    "advertiser comes": lambda pick: factories.make_advertiser(),
    "funds": toggled(Advertiser, "funded"),
    "advertiser rests": given_another(Advertiser, "status", *Advertiser.Status.values),
    "advertiser is renamed": lambda pick: Advertiser.objects.filter(
        pk=any_of(Advertiser, pick).pk
    ).update(code=f"adv{uuid7()}"),
    "report key": new_key_of_advertiser,
    "affiliate comes": lambda pick: factories.make_affiliate(),
    "affiliate rests": given_another(Affiliate, "status", *Affiliate.Status.values),
    "link key": lambda pick: configuring.make_link_key(any_of(Affiliate, pick), str(uuid7())),
    "link key ends": given_another(LinkKey, "expires_at", None, factories.EVER),
    "link key goes": removed(LinkKey),
    "offer comes": lambda pick: factories.make_offer(any_of(Advertiser, pick)),
    "offer is shown": given_another(Offer, "visibility", *Offer.Visibility.values),
    "offer is paused": given_another(Offer, "status", *Offer.Status.values),
    "offer is aimed": given_another(
        Offer,
        "targeting",
        None,
        {"fact": "country", "in": ["DE"]},
        {"fact": "prefetch", "is": False},
    ),
    "offer is tagged": given_another(Offer, "utm", {}, {"utm_source": "x", "a": "{sub1}"}),
    "offer is sold": lambda pick: Offer.objects.filter(pk=any_of(Offer, pick).pk).update(
        advertiser=any_of(Advertiser, pick)
    ),
    "goal comes": lambda pick: factories.make_goal(any_of(Offer, pick), str(uuid7())[:36]),
    "goal counts": given_another(Goal, "dedupe", *Goal.Dedupe.values),
    "terms come": lambda pick: factories.make_terms(
        any_of(Goal, pick), affiliate=factories.make_affiliate()
    ),
    "landing comes": lambda pick: configuring.make_landing(any_of(Offer, pick)),
    "landing rests": toggled(Landing, "active"),
    "landing moves": moved(Landing),
    "landing goes": removed(Landing),
    "cap comes": lambda pick: configuring.make_cap(any_of(Offer, pick)),
    "cap rests": toggled(Cap, "active"),
    "cap goes": removed(Cap),
    "application": applied,
    "link comes": lambda pick: factories.make_link(any_of(Offer, pick), any_of(Affiliate, pick)),
    "link rests": toggled(Link, "active"),
    "link moves": moved(Link),
    "smart link comes": lambda pick: configuring.make_smart_link(any_of(Affiliate, pick)),
    "smart link rests": toggled(SmartLink, "active"),
    "smart link is renamed": lambda pick: SmartLink.objects.filter(
        pk=any_of(SmartLink, pick).pk
    ).update(code=f"s-{uuid7().hex[-20:]}"),
    "choice": chosen,
    "choice rests": toggled(SmartOffer, "active"),
    "choice goes": removed(SmartOffer),
    "learned": learned,
    "forgotten": removed(SmartWeight),
    "external id": new_external_id,
    "external id is redirected": given_another(ExternalId, "internal_id", 1, 2, 3),
    "all offers": lambda pick: Offer.objects.update(hold_days=pick(range(0, 91))),
    "all advertisers": lambda pick: Advertiser.objects.update(funded=pick([False, True])),
}
