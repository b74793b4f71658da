"""A desk for tests of intake: clicks to report about, reports, and a connection to take them in."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from network import clock
from network.ids import uuid7
from partners import snapshot
from partners.models import Link
from tests import factories
from tracking.clicks import ids
from tracking.conversions import evidence, intake, waiting
from tracking.conversions.answers import Answer
from tracking.conversions.evidence import Authenticated


@dataclass
class Desk:
    """One advertiser with one offer, and the desk at which its reports arrive."""

    url: str
    link: Link = field(default_factory=factories.make_link)

    def __post_init__(self) -> None:
        self.connection = psycopg.connect(self.url, autocommit=True)

    def report(
        self,
        click: UUID | None = None,
        *,
        nonce: str | None = None,
        received_at: datetime | None = None,
        **fields: Any,
    ) -> Authenticated:
        """A report of a sale of 100.00 with an order of its own, unless told otherwise."""
        id = uuid7()
        said = {"order_id": str(id), "amount": "100.00"} | fields
        if click is not None:
            said["click_id"] = ids.mint(click)
        return Authenticated(
            id=id,
            received_at=received_at or clock.now(),
            advertiser_id=self.link.offer.advertiser_id,
            auth="hmac:k1",
            nonce=nonce,
            method="GET",
            query="",
            body="",
            evidence=evidence.read({name: value for name, value in said.items() if value != ""}),
        )

    def take(self, *reports: Authenticated) -> list[Answer]:
        """Take reports in as one batch, with the present configuration."""
        loaded = snapshot.load(self.connection)
        return intake.take(self.connection, reports, loaded, clock.now())

    def take_one(self, click: UUID | None = None, **fields: Any) -> dict[str, Any]:
        """The body of the answer to one report."""
        (answer,) = self.take(self.report(click, **fields))
        return answer.body

    def match(self, *, limit: int = 100) -> int:
        """Look once at the reports that wait."""
        loaded = snapshot.load(self.connection)
        return waiting.match(self.connection, loaded, clock.now(), limit)
