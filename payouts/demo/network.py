"""Brings the cast together, by the verbs of partners: people, companies, offers, access, links."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.hashers import make_password

from network import clock, crypto
from partners import (
    applications,
    caps,
    goals,
    landings,
    links,
    offers,
    parties,
    payees,
    people,
    smart,
)
from partners.actors import Actor
from partners.auth import actor_of_person
from partners.models import (
    Advertiser,
    Affiliate,
    ApiKey,
    Application,
    Cap,
    Link,
    Membership,
    Offer,
    Organisation,
    Role,
    User,
)
from partners.scopes import SCOPES
from payouts.demo import cast, catalogue
from payouts.demo.cast import AffiliatePart, Person
from payouts.demo.catalogue import GoalPart, OfferPart

# A link code that some old page still carries.
LOST_CODE: Final = "banner2019"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A link, whose it is, and what it leads to."""

    link: Link
    affiliate: AffiliatePart
    offer: OfferPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Everybody and everything, found by the codes of the cast and the keys of the catalogue."""

    operator: Actor
    finance: tuple[Actor, Actor]
    advertisers: Mapping[str, Advertiser]
    shops: Mapping[str, Actor]
    affiliates: Mapping[str, Affiliate]
    offers: Mapping[str, Offer]
    placements: tuple[Placement, ...]


def assemble() -> Network:
    """The whole network as it begins, with the clock where it is; nobody has clicked yet."""
    hashed = make_password(cast.PASSWORD)  # once: a hash takes long, and all have the same
    own = Organisation.objects.create(name="Peraction Demo Network", created_at=clock.now())
    operator = _join(own, Role.OPERATOR, cast.OPERATOR, hashed)
    fay, felix = (_join(own, Role.FINANCE, person, hashed) for person in cast.FINANCE)
    advertisers = {part.code: _advertiser(part) for part in cast.ADVERTISERS}
    shops = {
        part.code: _join(advertisers[part.code].organisation, Role.ADVERTISER, part.person, hashed)
        for part in cast.ADVERTISERS
    }
    affiliates = {part.code: _affiliate(part, hashed) for part in cast.AFFILIATES}
    published = {
        part.key: _offer(part, advertisers[part.advertiser], operator) for part in catalogue.OFFERS
    }
    _favour(published["club"], affiliates[cast.ALMA.code], operator)
    placements = tuple(_placements(affiliates, published, operator))
    smart.create(
        affiliate=affiliates[cast.ALMA.code],
        strategy=smart.Strategy.LEARNED,
        choices=[
            smart.Choice(offer=published[key], priority=place)
            for place, key in enumerate(cast.ALMA.promotes)
        ],
        name="Whatever suits the reader",
    )
    for part in catalogue.OFFERS:
        if part.paused:
            offers.move(published[part.key], "pause")
    return Network(
        operator=operator,
        finance=(fay, felix),
        advertisers=advertisers,
        shops=shops,
        affiliates=affiliates,
        offers=published,
        placements=placements,
    )


def apply_late(network: Network) -> None:
    """The applications of the last days, most of them without an answer yet."""
    for code, key, message, answer in catalogue.LATE_APPLICATIONS:
        application = applications.apply(
            offer=network.offers[key], affiliate=network.affiliates[code], message=message
        )
        if answer:
            applications.decide(
                application, answer, actor=network.operator, reason="Too many of this kind."
            )


def pause(network: Network, code: str) -> None:
    """Pause an affiliate: its clicks go nowhere from now on."""
    parties.change(network.affiliates[code], status=Affiliate.Status.PAUSED)


def revoke(network: Network, code: str, key: str) -> None:
    """Take an affiliate's access to an offer back."""
    application = Application.objects.get(
        affiliate=network.affiliates[code], offer=network.offers[key]
    )
    applications.decide(
        application, "revoke", actor=network.operator, reason="Bids on the brand's own name."
    )


def _join(organisation: Organisation, role: Role, person: Person, hashed: str) -> Actor:
    user = User.objects.create_user(person.email, name=person.name)
    User.objects.filter(pk=user.pk).update(password=hashed)
    member = people.add_member(organisation=organisation, role=role, email=person.email)
    if person.key:
        _issue(member, person.key)
    return actor_of_person(user)


def _issue(member: Membership, bearer: str) -> None:
    """A key that everybody may know; `keys.issue` would make up one that nobody does."""
    prefix, _, secret = bearer.removeprefix("pk_").partition("_")
    ApiKey.objects.create(
        prefix=prefix,
        digest=crypto.digest(secret),
        name="demo",
        user=member.user,
        issuer=member.user,
        organisation=member.organisation,
        role=member.role,
        scopes=sorted(SCOPES[Role(member.role)]),
        created_at=clock.now(),
    )


def _advertiser(part: cast.AdvertiserPart) -> Advertiser:
    advertiser, _ = parties.onboard_advertiser(code=part.code, name=part.name)
    if part.signs:
        parties.add_report_key(advertiser, key_id=cast.REPORT_KEY_ID, secret=cast.REPORT_SECRET)
        parties.require_signatures(advertiser)
    else:
        advertiser.report_token_digest = crypto.digest(cast.REPORT_TOKEN)
        advertiser.save(update_fields=["report_token_digest"])
    return advertiser


def _affiliate(part: AffiliatePart, hashed: str) -> Affiliate:
    affiliate = parties.onboard_affiliate(code=part.code, name=part.name)
    actor = _join(affiliate.organisation, Role.AFFILIATE, part.person, hashed)
    if part.iban:
        account = payees.Account(
            holder=part.person.name, iban=part.iban, country=part.country, town=part.town
        )
        payees.replace(affiliate, account, actor=actor)
    return affiliate


def _offer(part: OfferPart, advertiser: Advertiser, operator: Actor) -> Offer:
    offer = offers.create(
        actor=operator,
        advertiser=advertiser,
        new_goals=[_goal(goal, is_default=place == 0) for place, goal in enumerate(part.goals)],
        name=part.name,
        description=part.description,
        visibility=part.visibility,
        currency=part.currency,
        landing_url=part.landing_url,
        click_window_s=part.click_window_s,
        min_click_to_conversion_s=part.min_click_to_conversion_s,
        hold_days=part.hold_days,
        deep_link_hosts=part.deep_link_hosts,
        utm=part.utm,
        targeting=part.targeting,
    )
    for name, url, weight in part.pages:
        landings.add(offer, name=name, url=url, weight=weight)
    if part.daily_clicks:
        caps.create(
            offer=offer,
            actor=operator,
            scope=Cap.Scope.OFFER,
            period=Cap.Period.DAY,
            limit_count=part.daily_clicks,
        )
    return offers.move(offer, "activate")


def _goal(part: GoalPart, *, is_default: bool) -> goals.NewGoal:
    terms = goals.NewTerms(
        revenue_fixed_micros=part.revenue_fixed_micros,
        revenue_ppm=part.revenue_ppm,
        commission_fixed_micros=part.commission_fixed_micros,
        commission_ppm=part.commission_ppm,
    )
    return goals.NewGoal(
        code=part.code, name=part.name, dedupe=part.dedupe, is_default=is_default, terms=[terms]
    )


def _favour(offer: Offer, affiliate: Affiliate, operator: Actor) -> None:
    """A better price for one affiliate."""
    goal = offer.goals.get()
    better = goals.NewTerms(
        revenue_fixed_micros=goal.terms.get().revenue_fixed_micros,
        commission_fixed_micros=catalogue.OVERRIDE_MICROS,
        affiliate=affiliate,
    )
    goals.add_terms(goal, better, actor=operator)


def _placements(
    affiliates: Mapping[str, Affiliate], published: Mapping[str, Offer], operator: Actor
) -> Iterable[Placement]:
    """A link for each offer that an affiliate promotes, after whatever it takes to be let in."""
    plans = {part.key: part for part in catalogue.OFFERS}
    for part in cast.AFFILIATES:
        for key in part.promotes:
            affiliate, offer = affiliates[part.code], published[key]
            if offer.visibility == Offer.Visibility.PRIVATE:
                applications.invite(offer=offer, affiliate_code=part.code, actor=operator)
            elif offer.visibility == Offer.Visibility.APPROVAL:
                asked = applications.apply(
                    offer=offer, affiliate=affiliate, message=f"For my readers: {part.source}."
                )
                applications.decide(asked, "approve", actor=operator)
            link = links.create(offer=offer, affiliate=affiliate, name=f"{offer.name}, main link")
            yield Placement(link=link, affiliate=part, offer=plans[key])
