"""Who comes, as far as one request tells: read once, in the words that the rest works with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from django.conf import settings

from network import address
from network.settled import settled
from tracking.asked import Asked
from tracking.clicks import arrival, privacy, query, row
from tracking.clicks.agent import Agent, agent
from tracking.clicks.place import Place, place
from tracking.clicks.privacy import Consent
from tracking.clicks.row import Said

# Characters that are kept of what a visitor sends.
USER_AGENT_MAX: Final = 1_000
REFERRER_MAX: Final = 2_000
LANGUAGE_MAX: Final = 35
# UTF-8 takes up to four bytes for a character.
_AGENT_BYTES: Final = 4 * USER_AGENT_MAX
_LANGUAGE_BYTES: Final = 4 * LANGUAGE_MAX
# The last hops, of which the first that is no proxy of ours counts.
_FORWARDED_BYTES: Final = 1_000
# Longer ones, which hardly anybody sends twice, are not worth their memory.
_AGENT_REMEMBERED_MAX: Final = 600
_FORWARDED_REMEMBERED_MAX: Final = 200

_MS_PER_S: Final = 1_000
_BOT_MARKS: Final = {"known": "bot", "suspected": "bot_suspected"}
_CONSENT_MARKS: Final = {Consent.MINIMAL: "consent_minimal", Consent.REFUSED: "consent_refused"}
_Headers = Mapping[bytes, bytes]


class Visit:
    """One request for a link, as it is judged and stored; it has the `Facts` that targeting asks.

    `marks` are words about what is odd. They decide nothing by themselves; an offer's targeting
    may. `params` have the names of our own links' values, whatever the link was written in.
    """

    # Every click makes one: what most clicks share (a browser, a place) is worked out once, and
    # what few are asked for only then.
    __slots__ = (
        "agent",
        "agent_fields",
        "asked",
        "at",
        "consent",
        "ip",
        "marks",
        "ms",
        "params",
        "place",
        "prefetch",
        "said",
        "said_language",
        "user_agent",
    )

    def __init__(self, asked: Asked, said: Said, ms: int) -> None:
        headers = asked.headers
        self.asked = asked
        self.said = said
        self.params = said.params
        self.ms = ms
        self.at = datetime.fromtimestamp(ms / _MS_PER_S, UTC)
        # Cut before they are remembered: a header may have 64 kB.
        user_agent = headers.get(b"user-agent", b"")[:_AGENT_BYTES]
        remembered = len(user_agent) <= _AGENT_REMEMBERED_MAX
        browser = (_known_browser if remembered else _browser)(user_agent)
        # The last are the part of a row that tells it.
        self.user_agent, self.agent, self.agent_fields = browser
        self.said_language = headers.get(b"accept-language", b"")[:_LANGUAGE_BYTES]
        forwarded = _forwarded(headers)
        remembered = forwarded is None or len(forwarded) <= _FORWARDED_REMEMBERED_MAX
        self.ip, self.place = (_known_where if remembered else _where)(asked.peer, forwarded)
        gpc = privacy.opts_out(headers)
        self.consent = _consent(self.params, self.place.country, gpc=gpc)
        self.prefetch = arrival.is_prefetch(headers)
        self.marks = _marks(self, headers, gpc=gpc)

    @property
    def referrer(self) -> str:
        """The page that the visitor comes from."""
        return _text(self.asked.headers.get(b"referer"), REFERRER_MAX)

    @property
    def language_tag(self) -> str:
        """The browser's first, most wanted language, as it says it."""
        return _language(self.said_language)[0]

    @property
    def language(self) -> str:
        """That language alone, without the country: de for de-CH."""
        return _language(self.said_language)[1]

    @property
    def country(self) -> str:
        return self.place.country

    @property
    def region(self) -> str:
        return self.place.region

    @property
    def connection(self) -> str:
        return self.place.connection

    @property
    def datacentre(self) -> bool:
        return self.place.datacentre

    @property
    def ip_number(self) -> int | None:
        return self.place.ip_number

    @property
    def device(self) -> str:
        return self.agent.device

    @property
    def os(self) -> str:
        return self.agent.os

    @property
    def os_version(self) -> str:
        return self.agent.os_version

    @property
    def browser(self) -> str:
        return self.agent.browser

    @property
    def bot(self) -> str:
        return self.agent.bot

    @property
    def source(self) -> str:
        return self.params.get("source", "")

    @property
    def subs(self) -> Mapping[str, str]:
        return self.params


def _marks(visit: Visit, headers: _Headers, *, gpc: bool) -> list[str]:
    marks = []
    if visit.agent.bot:
        marks.append(_BOT_MARKS[visit.agent.bot])
    if visit.prefetch:
        marks.append("prefetch")
    if visit.place.datacentre:
        marks.append("datacentre")
    if arrival.is_embedded(headers):
        marks.append("embedded")
    if gpc:
        marks.append("gpc")
    if visit.consent != Consent.FULL:
        marks.append(_CONSENT_MARKS[visit.consent])
    return marks


def _consent(params: Mapping[str, str], country: str, *, gpc: bool) -> Consent:
    return privacy.consent(
        params.get("cons", ""),
        country,
        gpc=gpc,
        gdpr=params.get("gdpr", ""),
        gdpr_consent=params.get("gdpr_consent", ""),
    )


def _text(raw: bytes | None, length_max: int) -> str:
    """A header as text that a row can hold; empty where there is none."""
    return query.clean(raw.decode("utf-8", "replace"), length_max) if raw else ""


@lru_cache(maxsize=4_096)
def _language(raw: bytes) -> tuple[str, str]:
    """The first, most wanted language of the browser, and its primary tag in lower case."""
    wanted = raw.partition(b",")[0].partition(b";")[0].strip()
    text = _text(wanted, LANGUAGE_MAX)
    return text, text.partition("-")[0].lower()


def _browser(raw: bytes) -> tuple[str, Agent, bytes]:
    text = _text(raw, USER_AGENT_MAX)
    said = agent(text)
    return text, said, row.agent(text, said.device, said.os, said.browser)


_known_browser = lru_cache(maxsize=20_000)(_browser)


def _forwarded(headers: _Headers) -> bytes | None:
    said = headers.get(b"x-forwarded-for")
    return said[-_FORWARDED_BYTES:] if said is not None and _has_proxies() else None


@settled(1)
def _has_proxies() -> bool:
    return bool(settings.TRUSTED_PROXIES)


def _where(peer: str, forwarded: bytes | None) -> tuple[str | None, Place]:
    """The visitor's address, and where that is."""
    ip = address.visitor(peer, [] if forwarded is None else [forwarded])
    return ip, place(ip)


_known_where = settled(50_000)(_where)
