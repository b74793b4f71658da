"""A decided visit as the row that is stored of it, and as what its visitor is told."""

from functools import lru_cache, partial

from network.ids import uuid7_bytes
from partners.places import Claim
from tracking.clicks import decide, ids, privacy, row
from tracking.clicks.decide import Decision
from tracking.clicks.kinds import Entry
from tracking.clicks.privacy import Consent
from tracking.clicks.visit import Visit


def click(visit: Visit, decision: Decision, code: str, salt: bytes | None) -> Entry:
    """The entry of a click with an id of its own; `code` is what the link was called.

    It tells the click id as the world sees it, empty for who refuses one, and the address to go to,
    empty for nowhere. Where a cap refuses it, another entry takes its place, with another id.
    """
    id = uuid7_bytes(visit.ms)
    click_id = "" if visit.consent is Consent.REFUSED else ids.mint_bytes(id)
    destination = decide.destination(decision, visit, click_id)
    link = decide.parties(decision)
    _, affiliate_id, offer_id, _ = link
    place = visit.place
    full = visit.consent is Consent.FULL
    # The key by which repeats are found; nobody has one without an offer or without consent.
    visitor = (
        privacy.visitor_key(salt, visit.ip, visit.user_agent, offer_id, affiliate_id)
        if offer_id and full
        else None
    )
    ip = privacy.stored_ip(visit.ip, visit.consent, salt)
    stored = row.click(
        id,
        visit.ms,
        link=link,
        smart_link_id=decision.smart_link_id,
        landing_id=decision.page.id if decision.page else 0,
        reason=decision.reason,
        marks=[*visit.marks, decision.mark] if decision.mark else visit.marks,
        visitor=visitor,
        origin=_origin(ip, place.country, place.region),
        agent=visit.agent_fields,
        said=visit.said,
        link_code=code,
        destination=destination,
        referrer=visit.referrer,
        language=visit.language_tag,
    )
    otherwise = partial(_refused, visit, decision, code, salt) if decision.claims else None
    return Entry(
        "click",
        visit.at.date(),
        stored,
        decision.reason,
        click_id,
        destination,
        decision.claims,
        otherwise,
    )


def _refused(
    visit: Visit, decision: Decision, code: str, salt: bytes | None, claim: Claim | None
) -> Entry:
    return click(visit, decision.refused(claim), code, salt)


# What many clicks share is put into bytes once.
_origin = lru_cache(maxsize=20_000)(row.origin)
