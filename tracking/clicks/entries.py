"""A decided visit as the row that is stored of it, and as what its visitor is told."""

from functools import lru_cache, partial

from network.ids import uuid7_at
from partners.places import Claim
from tracking.clicks import decide, ids, privacy, row
from tracking.clicks.decide import Decision
from tracking.clicks.kinds import Entry
from tracking.clicks.privacy import Consent
from tracking.clicks.row import Row
from tracking.clicks.visit import Visit


def click(visit: Visit, decision: Decision, code: str, salt: bytes | None) -> Entry:
    """The entry of a click with an id of its own; `code` is what the link was called.

    Its `answer` is the click id as the world sees it, empty for who refuses one, a blank, and the
    address to go to, empty for nowhere. Where a cap refuses it, another entry takes its place, with
    another id.
    """
    id = uuid7_at(visit.ms)
    click_id = ids.mint(id)
    destination = decide.destination(decision, visit, click_id)
    parties = decide.parties(decision)
    agent, place = visit.agent, visit.place
    line = row.line(
        Row(
            id=id,
            link=parties,
            smart_link_id=decision.smart_link_id,
            landing_id=decision.page.id if decision.page else 0,
            reason=decision.reason,
            marks=visit.marks,
            visitor=_visitor(visit, salt, *parties),
            origin=_origin(
                privacy.stored_ip(visit.ip, visit.consent, salt), place.country, place.region
            ),
            agent=_agent(visit.user_agent, agent.device, agent.os, agent.browser),
            link_code=code,
            destination=destination,
            params=visit.params,
            referrer=visit.referrer,
            language=visit.language,
        )
    )
    return Entry(
        "click",
        visit.at.date(),
        line,
        outcome=decision.reason,
        answer=f"{click_id if visit.consent is not Consent.REFUSED else ''} {destination}",
        claims=decision.claims,
        otherwise=partial(_refused, visit, decision, code, salt) if decision.claims else None,
    )


def _refused(
    visit: Visit, decision: Decision, code: str, salt: bytes | None, claim: Claim | None
) -> Entry:
    return click(visit, decision.refused(claim), code, salt)


def _visitor(
    visit: Visit, salt: bytes | None, _: int, affiliate_id: int, offer_id: int, advertiser_id: int
) -> int | None:
    """The key by which repeats are found; nobody has one without an offer or without consent."""
    if not offer_id or visit.consent is not Consent.FULL:
        return None
    return privacy.visitor_key(salt, visit.ip, visit.user_agent, offer_id, affiliate_id)


# What many clicks share is put into words once.
_origin = lru_cache(maxsize=20_000)(row.origin)
_agent = lru_cache(maxsize=20_000)(row.agent)
