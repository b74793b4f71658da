"""More rows of the configuration for tests: keys, landing pages, caps, smart links."""

from itertools import count
from typing import Any

from network import clock, crypto
from partners.models import (
    Affiliate,
    Cap,
    Landing,
    LinkKey,
    Offer,
    SmartLink,
    SmartOffer,
    SmartWeight,
)
from partners.snapshot import link_key_aad
from tests import factories

_numbers = count(1)


def make_link_key(affiliate: Affiliate, key_id: str = "k1", **fields: Any) -> LinkKey:
    """A key that signs the affiliate's links; its secret is `s3cret`."""
    given = {
        "sealed_secret": crypto.seal(b"s3cret", aad=link_key_aad(affiliate.pk, key_id)),
        "created_at": factories.EVER,
    }
    return LinkKey.objects.create(affiliate=affiliate, key_id=key_id, **(given | fields))


def make_landing(offer: Offer, **fields: Any) -> Landing:
    """An active landing page."""
    number = next(_numbers)
    given = {"name": f"Page {number}", "url": f"https://shop.example/page{number}"}
    return Landing.objects.create(offer=offer, created_at=clock.now(), **(given | fields))


def make_cap(offer: Offer, **fields: Any) -> Cap:
    """A hundred clicks of the offer a day."""
    given = {"scope": Cap.Scope.OFFER, "period": Cap.Period.DAY, "limit_count": 100}
    return Cap.objects.create(offer=offer, created_at=clock.now(), **(given | fields))


def make_smart_link(affiliate: Affiliate | None = None, **fields: Any) -> SmartLink:
    """An active smart link that chooses nothing yet."""
    given = {"code": f"s-smart{next(_numbers):06d}", "strategy": SmartLink.Strategy.PRIORITY}
    return SmartLink.objects.create(
        affiliate=affiliate or factories.make_affiliate(),
        created_at=clock.now(),
        **(given | fields),
    )


def make_choice(smart_link: SmartLink, offer: Offer, **fields: Any) -> SmartOffer:
    """An offer that the smart link may choose."""
    return SmartOffer.objects.create(smart_link=smart_link, offer=offer, **fields)


def make_weight(smart_link: SmartLink, offer: Offer, **fields: Any) -> SmartWeight:
    """What was learned for the offer."""
    given = {"weight_ppm": 1_000_000, "learned_at": clock.now()}
    return SmartWeight.objects.create(smart_link=smart_link, offer=offer, **(given | fields))
