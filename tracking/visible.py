"""Whose rows are whose: each partner sees its own, the network sees all."""

from typing import TypeVar

from django.db.models import Model, QuerySet

from partners.actors import Actor
from partners.models import Role

Rows = TypeVar("Rows", bound=Model)


def visible(rows: QuerySet[Rows], actor: Actor) -> QuerySet[Rows]:
    """Those of `rows`, which name an advertiser and an affiliate, that the actor may see."""
    if actor.sees_all:
        return rows
    if actor.role == Role.ADVERTISER:
        return rows.filter(advertiser_id=actor.advertiser_id)
    return rows.filter(affiliate_id=actor.affiliate_id)
