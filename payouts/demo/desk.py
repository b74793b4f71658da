"""Desks: what shops and the operator decide about conversions, and what they pay in."""

from datetime import timedelta
from functools import partial
from random import Random
from typing import Final
from uuid import UUID

from network import clock
from network.money import MICROS, PPM, Money, floor_minor
from partners.actors import Actor
from partners.models import Funds
from payouts import bank, deposits
from payouts.demo import cast
from payouts.demo.network import Network
from payouts.demo.shops import Order
from payouts.demo.timetable import Action, Agenda
from tracking.conversions import lifecycle
from tracking.conversions.models import Conversion

# In a thousand conversions: refused by the shop at once, sent back, partly sent back.
_REFUSED: Final = 30
_RETURNED: Final = 60
_PARTLY: Final = 45
_REFUSALS: Final = ("existing_customer", "invalid_data", "non_payment", "cancelled_order")
_RETURNS: Final = ("returned", "cancelled_order", "returned", "non_payment")
# What waits for a person is looked at after this long.
_PILE: Final = timedelta(days=1)
# There is always something left on the pile.
_LEFT: Final = 3


class Desk:
    """Decides by chance, in the name of those who may."""

    def __init__(self, random: Random, network: Network, agenda: Agenda[Action]) -> None:
        self._random = random
        self._network = network
        self._agenda = agenda
        self._number = 0

    def read(self, conversion_id: UUID, order: Order) -> None:
        """The shop looks at a new conversion: it refuses it now, or gets goods back later."""
        dice = self._random.randrange(1_000)
        actor = self._network.shops[order.placement.offer.advertiser]
        if dice < _REFUSED:
            reason = self._random.choice(_REFUSALS)
            lifecycle.reject(conversion_id, reason=reason, actor=actor)
        elif order.amount and dice < _REFUSED + _RETURNED + _PARTLY:
            whole = dice < _REFUSED + _RETURNED
            self._agenda.add(
                order.at + timedelta(days=self._random.uniform(2, 21)),
                partial(self._reverse, conversion_id, order, actor, whole=whole),
            )

    def work_through_pile(self) -> None:
        """The operator decides what has waited for a person, every other one this way or that."""
        actor = self._network.operator
        pile = Conversion.objects.filter(
            status=Conversion.Status.PENDING, due_at=None, received_at__lt=clock.now() - _PILE
        ).order_by("received_at", "id")
        for place, conversion in enumerate(list(pile)[:-_LEFT]):
            if place % 2:
                lifecycle.approve(conversion.pk, actor=actor)
            else:
                lifecycle.reject(conversion.pk, reason="other_channel", actor=actor)

    def pay_in(self, *, last: bool = False) -> None:
        """Each advertiser's money for the week; who tops up pays in nothing the last time."""
        for part in cast.ADVERTISERS:
            advertiser = self._network.advertisers[part.code]
            micros = part.deposit * MICROS
            if part.tops_up:
                micros -= sum(
                    Funds.objects.filter(advertiser=advertiser).values_list(
                        "available_micros", flat=True
                    )
                )
            # A bank books whole minor units.
            minor, _ = floor_minor(micros, part.currency)
            if minor <= 0 or (last and part.tops_up):
                continue
            self._number += 1
            deposits.record(
                advertiser=advertiser,
                amount=Money.from_minor(minor, part.currency),
                bank_ref=f"DEMO-{self._number:05d}",
                booked_on=bank.today(),
                actor=self._network.finance[0],
            )

    def _reverse(self, conversion_id: UUID, order: Order, actor: Actor, *, whole: bool) -> None:
        """Take back the whole or a part of the sale, if it was ever approved."""
        approved = Conversion.objects.filter(pk=conversion_id, status=Conversion.Status.APPROVED)
        if not approved.exists():
            return
        refund = None
        if not whole:
            percent = self._random.choice((20, 30, 50))
            sale = Money.parse(order.amount, order.placement.offer.currency)
            refund_minor, _ = sale.share(percent * PPM // 100).to_minor_floor()
            refund = Money.from_minor(refund_minor, sale.currency)
        lifecycle.reverse(
            conversion_id,
            reason=self._random.choice(_RETURNS),
            actor=actor,
            refund=refund,
        )
