"""Shops: what visitors do there, and how each shop reports it over its own kind of postback."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Final
from urllib.parse import urlencode

from django.db import connection

from network.clock import EPOCH
from network.ids import uuid7_at
from partners.snapshot import Snapshot
from payouts.demo import cast
from payouts.demo.catalogue import GoalPart
from payouts.demo.network import Placement
from payouts.demo.visitors import GoodClick
from tracking.conversions import evidence, intake, message
from tracking.conversions.answers import Answer
from tracking.conversions.authentication import authenticate
from tracking.conversions.evidence import Authenticated
from tracking.conversions.signature import sign

PATH: Final = "/postback"
_SIGNERS: Final = frozenset(part.code for part in cast.ADVERTISERS if part.signs)
# Some take far longer than the usual time: the spread of the logarithm of the minutes.
_SPREAD: Final = 1.5
_SALE_SPREAD: Final = 0.55
# In a thousand orders: sent twice by a shop that lost the answer; claimed for another offer too.
_REPEATED: Final = 30
_CLAIMED_TWICE: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An action about to be reported; `amount` is empty where nothing is sold."""

    at: datetime
    click_id: str
    placement: Placement
    goal: GoalPart
    order_id: str
    amount: str


class Shops:
    """Turns visits into orders, and orders into reports."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._numbers = count(10_001)
        # The latest visits to each offer of a shop: a coupon page claims what others brought.
        self._latest: dict[str, deque[GoodClick]] = {}

    def orders(self, visit: GoodClick) -> Iterator[Order]:
        """What comes of a visit: a goal after the other, as long as the visitor goes on."""
        affiliate, offer = visit.placement.affiliate, visit.placement.offer
        self._latest.setdefault(offer.key, deque(maxlen=20)).append(visit)
        at = visit.at
        for goal in offer.goals:
            if self._random.randrange(100_000) >= goal.per_thousand * affiliate.quality:
                return
            robot = self._random.randrange(100) < affiliate.robots
            at += self._patience(goal, robot=robot)
            order = Order(
                at=at,
                click_id=visit.click_id,
                placement=visit.placement,
                goal=goal,
                order_id=f"{offer.advertiser[0].upper()}{next(self._numbers)}",
                amount=self._amount(goal),
            )
            yield order
            yield from self._echoes(order)

    def report(self, orders: Sequence[Order], snapshot: Snapshot, now: datetime) -> list[Answer]:
        """Report the orders, each as its shop does; the network's answers."""
        reports = [self._authenticated(order, snapshot) for order in orders]
        return intake.take(connection.connection, reports, snapshot, now) if reports else []

    def _authenticated(self, order: Order, snapshot: Snapshot) -> Authenticated:
        raw = self._query(order)
        told = message.read(method="GET", path=PATH, query=raw, headers={}, body=b"")
        sender = authenticate(told, snapshot, order.at)
        return Authenticated(
            id=uuid7_at((order.at - EPOCH) // timedelta(milliseconds=1)),
            received_at=order.at,
            advertiser_id=sender.advertiser.id,
            auth=sender.auth,
            nonce=sender.nonce,
            method=told.method,
            query=told.stored_query,
            body=told.stored_body,
            evidence=evidence.read(told.fields),
        )

    def _echoes(self, order: Order) -> Iterator[Order]:
        """The same order once more: sent again, or claimed by who brought nothing but a coupon."""
        later = order.at + timedelta(minutes=self._random.uniform(1, 20))
        if self._random.randrange(1_000) < _REPEATED:
            yield replace(order, at=later)
        other = {"sale": "club", "club": "sale"}.get(order.placement.offer.key, "")
        claimants = self._latest.get(other)
        if claimants and self._random.randrange(1_000) < _CLAIMED_TWICE:
            visit = self._random.choice(claimants)
            goal = visit.placement.offer.goals[0]
            yield replace(
                order,
                at=later,
                click_id=visit.click_id,
                placement=visit.placement,
                goal=goal,
                amount=self._amount(goal),
            )

    def _patience(self, goal: GoalPart, *, robot: bool) -> timedelta:
        """How long somebody takes from the step before."""
        if robot:
            return timedelta(seconds=self._random.uniform(0.8, 6))
        minutes = self._random.lognormvariate(math.log(goal.minutes), _SPREAD)
        return timedelta(seconds=40, minutes=minutes)

    def _amount(self, goal: GoalPart) -> str:
        if not goal.sale_minor:
            return ""
        spread = self._random.lognormvariate(0, _SALE_SPREAD)
        whole, rest = divmod(round(goal.sale_minor * spread), 100)
        return f"{whole}.{rest:02d}"

    def _query(self, order: Order) -> bytes:
        """The report's query with the token or the signature of its shop."""
        advertiser = order.placement.offer.advertiser
        fields = {
            "advertiser": advertiser,
            "click_id": order.click_id,
            "goal": order.goal.code,
            "order_id": order.order_id,
            "event_id": order.order_id,
        }
        if order.amount:
            fields |= {"amount": order.amount, "currency": order.placement.offer.currency}
        if advertiser not in _SIGNERS:
            return urlencode(fields | {"token": cast.REPORT_TOKEN}).encode()
        ts, nonce = str(int(order.at.timestamp())), f"n-{self._random.randbytes(12).hex()}"
        signing = {"key_id": cast.REPORT_KEY_ID, "ts": ts, "nonce": nonce}
        query = urlencode(fields | signing).encode()
        signature = sign(
            cast.REPORT_SECRET.encode(),
            ts=ts,
            nonce=nonce,
            method="GET",
            path=PATH,
            query=query,
            body=b"",
        )
        return query + f"&sig={signature}".encode()
