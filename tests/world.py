"""What belongs to Alice and Acme: one of each thing that the API has, made when first asked for.

`"offers/{offer}".format_map(world)` puts the id in its place. The sale, its revenue and its
commission are odd numbers, so that each is known again wherever it appears.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Any

from network import clock
from network.ids import uuid7
from partners import link_keys, parties
from partners.models import (
    ApiKey,
    Application,
    Cap,
    CapWindow,
    ExternalId,
    Funds,
    Goal,
    Landing,
    Link,
    LinkKey,
    Offer,
    PayeeMethod,
    ReportKey,
    SmartLink,
)
from payouts import drafts, runs
from payouts.models import Commission, Deposit, Payout, PayoutRun
from tests import factories
from tests.cast import Member
from tests.payouts.earning import approved_run, book, deposit, make_payee, sent_run
from tests.tracking.rows import make_approved, make_click, make_conversion, make_page_event
from tracking.clicks import ids
from tracking.conversions.models import Conversion, Report
from tracking.models import Click
from tracking.postbacks import addresses, deliveries
from tracking.postbacks.models import Delivery, Postback

PARTNERS = ("alice", "bob", "acme", "rival")
TERMS = {"revenue_ppm": 111_100, "commission_ppm": 70_700}
SALE = 1234
REVENUE = "137.0974"
COMMISSION = "87.2438"
NET = "87.24"
DEPOSITED = "98765.43"
# Nobody listens there: a test message fails at once.
NOWHERE = "http://127.0.0.1:9/in"
_NAME = re.compile(r"\{(\w+)\}")


class World:
    """Each attribute is a row or a word; `world["offer"]` is the id that addresses and bodies say.

    What partners have is there by name: `alice_key`, `acme_organisation`. `member` gives somebody
    of the cast, who is made when first asked for too: `request.getfixturevalue`.
    """

    def __init__(self, member: Callable[[str], Member]) -> None:
        self._member = member

    def __getitem__(self, name: str) -> Any:
        found = getattr(self, name)
        return getattr(found, "pk", found)

    def __getattr__(self, name: str) -> Any:
        who, _, what = name.partition("_")
        if who not in PARTNERS:
            raise AttributeError(name)
        member = self._member(who)
        if what == "key":
            return ApiKey.objects.filter(user=member.user).earliest("pk")
        return getattr(member, what)

    def filled(self, body: Any) -> Any:
        """The body with ids in place of its `{names}`, however deep they stand."""
        if isinstance(body, dict):
            return {name: self.filled(value) for name, value in body.items()}
        if isinstance(body, list):
            return [self.filled(value) for value in body]
        name = _NAME.fullmatch(body) if isinstance(body, str) else None
        return self[name[1]] if name else body

    @cached_property
    def offer(self) -> Offer:
        """Private, with Alice let in; the hold is over on the day after."""
        offer = factories.make_offer(
            self.acme_advertiser, visibility="private", terms=TERMS, hold_days=0
        )
        factories.make_application(offer, self.alice_affiliate)
        return offer

    @cached_property
    def public(self) -> Offer:
        """The rival's, for everybody."""
        return factories.make_offer(self.rival_advertiser)

    @cached_property
    def hidden(self) -> Offer:
        """The rival's, for nobody yet."""
        return factories.make_offer(self.rival_advertiser, visibility="private")

    @cached_property
    def approval(self) -> Offer:
        """Acme's, for whoever is let in."""
        return factories.make_offer(self.acme_advertiser, visibility="approval")

    @cached_property
    def draft_offer(self) -> Offer:
        """Acme's, complete and not active yet."""
        return factories.make_offer(self.acme_advertiser, status="draft")

    @cached_property
    def goal(self) -> Goal:
        return self.offer.goals.get()

    @cached_property
    def public_goal(self) -> Goal:
        return self.public.goals.get()

    @cached_property
    def application(self) -> Application:
        """Granted."""
        return self.offer.applications.get()

    @cached_property
    def asking(self) -> Application:
        """Not decided yet."""
        return factories.make_application(self.approval, self.alice_affiliate, "pending")

    @cached_property
    def link(self) -> Link:
        return factories.make_link(self.offer, self.alice_affiliate)

    @cached_property
    def landing(self) -> Landing:
        return factories.make_landing(self.offer)

    @cached_property
    def link_key(self) -> LinkKey:
        return link_keys.add(affiliate=self.alice_affiliate)[0]

    @property
    def signed(self) -> Link:
        """A link whose affiliate can sign it."""
        _ = self.link_key
        return self.link

    @cached_property
    def cap(self) -> Cap:
        """On the offer of Acme, with what Alice has used of it."""
        cap = factories.make_cap(self.offer, limit=97, scope="affiliate")
        day = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        CapWindow.objects.create(
            cap=cap,
            key=str(self.alice_affiliate.pk),
            starts_at=day,
            ends_at=day + timedelta(days=1),
            limit_count=97,
            used=31,
        )
        return cap

    @cached_property
    def smart(self) -> SmartLink:
        """Alice's, and what was learned for it."""
        smart = factories.make_smart_link(self.offer, affiliate=self.alice_affiliate)
        factories.make_smart_weight(smart, self.offer, 1_000_000, "FR", clicks=7)
        return smart

    @property
    def signed_smart(self) -> SmartLink:
        """The same, of an affiliate that can sign it."""
        _ = self.link_key
        return self.smart

    @cached_property
    def external_id(self) -> ExternalId:
        """What the offer was called elsewhere."""
        return factories.make_external_id(self.offer, "1001")

    @cached_property
    def report_key(self) -> ReportKey:
        return parties.add_report_key(self.acme_advertiser)[0]

    @property
    def signing(self) -> Any:
        """Acme with a key to sign with."""
        return self.report_key.advertiser

    @cached_property
    def payee(self) -> PayeeMethod:
        return make_payee(self.alice_affiliate)

    @cached_property
    def click(self) -> Click:
        return make_click(self.link)

    @cached_property
    def click_text(self) -> str:
        """The click's id as links and reports carry it, with something told of it."""
        make_page_event(self.click)
        return ids.mint(self.click.id)

    @cached_property
    def deposit(self) -> Deposit:
        return deposit(self.acme_advertiser, DEPOSITED, self._member("fred").actor)

    @cached_property
    def funds(self) -> Funds:
        return Funds.objects.get(advertiser=self.deposit.advertiser)

    @cached_property
    def conversion(self) -> Conversion:
        """Pending, with the report behind it."""
        return self._made(make_conversion)

    @cached_property
    def earned(self) -> Conversion:
        """Approved so long ago that its commission is payable."""
        return self._made(make_approved, received_at=clock.now() - timedelta(days=3))

    @cached_property
    def commission(self) -> Commission:
        conversion = self.earned
        book()
        return Commission.objects.get(conversion_id=conversion.pk)

    @cached_property
    def postback(self) -> Postback:
        return addresses.add(
            affiliate=self.alice_affiliate, offer=None, url=NOWHERE, statuses={"pending"}
        )[0]

    @cached_property
    def delivery(self) -> Delivery:
        """A message that was taken."""
        _ = self.postback, self.conversion
        deliveries.consume()
        Delivery.objects.update(status="delivered", delivered_at=clock.now())
        return Delivery.objects.get(conversion_id=self.conversion.pk)

    @property
    def payable(self) -> str:
        """A currency in which something is payable."""
        _ = self.payee, self.commission
        return "EUR"

    @cached_property
    def draft(self) -> PayoutRun:
        """A run of Alice's commission."""
        _ = self.payee, self.commission
        return drafts.build(currency="EUR", actor=self._member("fred").actor)

    @cached_property
    def locked(self) -> PayoutRun:
        return runs.lock(run_id=self.draft.pk, actor=self._member("fred").actor)

    @cached_property
    def approved(self) -> PayoutRun:
        _ = self.payee, self.commission
        return approved_run(self._member("fred"), self._member("gina"))

    @cached_property
    def sent(self) -> PayoutRun:
        _ = self.payee, self.commission
        return sent_run(self._member("fred"), self._member("gina"))

    @cached_property
    def payout(self) -> Payout:
        return self.sent.payouts.get()

    @property
    def sha256(self) -> str:
        """What the second person says yes to."""
        return self.locked.content_sha256

    @property
    def today(self) -> str:
        return clock.now().date().isoformat()

    @property
    def tomorrow(self) -> str:
        return (clock.now() + timedelta(days=1)).isoformat()

    def _made(self, make: Any, **how: Any) -> Conversion:
        _ = self.deposit
        conversion = make(
            self.link,
            sale=SALE,
            order_ref="order-of-acme",
            click_id=self.click.id,
            **how,
        )
        Report.objects.create(
            id=uuid7(),
            received_at=conversion.received_at,
            advertiser=self.acme_advertiser,
            auth="hmac:k1",
            method="GET",
            query=f"order_id=order-of-acme&amount={SALE}.00",
            body="",
            goal_code="sale",
            verdict="accepted",
            code="accepted",
            conversion_id=conversion.pk,
        )
        return conversion
