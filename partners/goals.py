"""Goals of an offer and the dated terms that say what each of them pays.

Who states which price: the advertiser says what it pays (revenue), and the affiliate's commission
is that less the network's margin (NETWORK_MARGIN_PPM). The operator may state both, for everybody
or for one affiliate, at the start or by a later row. Terms are never edited: a later row takes
over at its `valid_from`, which is not in the past, so that no action received is priced anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction

from network import clock
from network.errors import BadInput, Conflict, Forbidden
from network.money import share_micros
from partners import terms
from partners.actors import Actor
from partners.models import Affiliate, Goal, Offer, Role, Terms
from partners.open_offers import OfferIncomplete, lock_open

GOALS_MAX: Final = 50
_COLUMNS: Final = fields(terms.Terms)


class GoalCodeTaken(BadInput):
    """The offer has a goal with this code already."""

    code = "goal_code_taken"


class OneDefaultGoal(BadInput):
    """An offer has one default goal."""

    code = "one_default_goal"


class TooManyGoals(Conflict):
    """An offer has at most 50 goals."""

    code = "too_many_goals"


class CommissionNotYours(Forbidden):
    """The network sets commissions; an advertiser states revenue alone."""

    code = "commission_not_yours"


class CommissionAboveRevenue(BadInput):
    """With these terms every action would cost the network money."""

    code = "commission_above_revenue"


class TermsInThePast(BadInput):
    """New terms of a goal start now or later: what was received keeps its price."""

    code = "terms_in_the_past"


class TermsDatesInvalid(BadInput):
    """Terms end after they start."""

    code = "terms_dates_invalid"


class TermsStartTaken(Conflict):
    """Other terms start at the same instant; which of them held would be chance."""

    code = "terms_start_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTerms:
    """Terms as asked for. No commission at all means: revenue less the network's margin.

    `at` is the JSON pointer of where they stood in the input.
    """

    revenue_fixed_micros: int = 0
    revenue_ppm: int = 0
    commission_fixed_micros: int | None = None
    commission_ppm: int | None = None
    affiliate: Affiliate | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGoal:
    """A goal as asked for, with its first terms; `at` is where it stood in the input."""

    code: str
    name: str
    dedupe: str
    is_default: bool = False
    terms: Sequence[NewTerms] = ()
    at: str = ""


def add_goal(offer: Offer, new: NewGoal, *, actor: Actor) -> Goal:
    """A further goal of the offer; the first one is its default whatever was asked for.

    A goal of an active offer comes with terms for everybody. Raises OfferIncomplete where it does
    not, GoalCodeTaken, OneDefaultGoal, TooManyGoals and what `add_terms` raises.
    """
    with transaction.atomic():
        # Locked, so that two simultaneous goals do not both become the default.
        locked = lock_open(offer)
        now = clock.now()
        _check_goal(locked, new)
        goal = Goal.objects.create(
            offer=offer,
            code=new.code,
            name=new.name,
            dedupe=new.dedupe,
            is_default=new.is_default or not offer.goals.exists(),
            created_at=now,
        )
        for first in new.terms:
            _store(goal, first, actor=actor, now=now)
    return goal


def add_terms(goal: Goal, new: NewTerms, *, actor: Actor) -> Terms:
    """Terms that hold for the goal from `valid_from`, by default from now.

    Raises OfferEnded, TermsInThePast, TermsDatesInvalid, TermsStartTaken, CommissionNotYours,
    CommissionAboveRevenue.
    """
    with transaction.atomic():
        lock_open(goal.offer)
        return _store(goal, new, actor=actor, now=clock.now())


def holding(goal: Goal, affiliate_id: int, *, at: datetime) -> Terms | None:
    """The terms of the goal that hold for an affiliate at an instant, by the rules of `terms`."""
    rows = {row.pk: row for row in goal.terms.all()}
    chosen = terms.choose(map(_plain, rows.values()), affiliate_id, at)
    return rows[chosen.id] if chosen else None


def _check_goal(offer: Offer, new: NewGoal) -> None:
    goals = offer.goals.all()
    if any(goal.code == new.code for goal in goals):
        raise GoalCodeTaken(pointer=f"{new.at}/code")
    if new.is_default and any(goal.is_default for goal in goals):
        raise OneDefaultGoal(pointer=f"{new.at}/is_default")
    if len(goals) >= GOALS_MAX:
        raise TooManyGoals()
    if offer.status == Offer.Status.ACTIVE and all(first.affiliate for first in new.terms):
        raise OfferIncomplete(pointer=f"{new.at}/terms")


def _store(goal: Goal, new: NewTerms, *, actor: Actor, now: datetime) -> Terms:
    valid_from = new.valid_from or now
    if valid_from < now:
        raise TermsInThePast(pointer=f"{new.at}/valid_from")
    if new.valid_to is not None and new.valid_to <= valid_from:
        raise TermsDatesInvalid(pointer=f"{new.at}/valid_to")
    commission_fixed_micros, commission_ppm = _commission(new, actor)
    try:
        with transaction.atomic():
            return Terms.objects.create(
                goal=goal,
                affiliate=new.affiliate,
                revenue_fixed_micros=new.revenue_fixed_micros,
                revenue_ppm=new.revenue_ppm,
                commission_fixed_micros=commission_fixed_micros,
                commission_ppm=commission_ppm,
                valid_from=valid_from,
                valid_to=new.valid_to,
                created_at=now,
                created_by=actor.label,
            )
    except IntegrityError as error:
        raise TermsStartTaken(pointer=f"{new.at}/valid_from") from error


def _commission(new: NewTerms, actor: Actor) -> tuple[int, int]:
    """The fixed micros and the parts per million that the affiliate gets."""
    if new.commission_fixed_micros is None and new.commission_ppm is None:
        kept_ppm: int = settings.NETWORK_MARGIN_PPM
        return (
            new.revenue_fixed_micros - share_micros(new.revenue_fixed_micros, kept_ppm),
            new.revenue_ppm - share_micros(new.revenue_ppm, kept_ppm),
        )
    if actor.role != Role.OPERATOR:
        raise CommissionNotYours(pointer=f"{new.at}/commission")
    fixed_micros, ppm = new.commission_fixed_micros or 0, new.commission_ppm or 0
    over_micros, over_ppm = fixed_micros - new.revenue_fixed_micros, ppm - new.revenue_ppm
    # Above in one part and below in the other can be meant: it depends on the size of the sale.
    if min(over_micros, over_ppm) >= 0 and max(over_micros, over_ppm) > 0:
        raise CommissionAboveRevenue(pointer=f"{new.at}/commission")
    return fixed_micros, ppm


def _plain(row: Terms) -> terms.Terms:
    return terms.Terms(**{column.name: getattr(row, column.name) for column in _COLUMNS})
