"""Who comes, as far as one request tells: read once, in the words that the rest works with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from django.conf import settings

from network import address
from partners.facts import Facts
from tracking.clicks import arrival, privacy, query
from tracking.clicks.agent import agent
from tracking.clicks.place import place
from tracking.clicks.privacy import Consent
from tracking.responses import Scope

# Characters that are kept of what a visitor sends.
USER_AGENT_MAX: Final = 1_000
REFERRER_MAX: Final = 2_000
LANGUAGE_MAX: Final = 35

_MS_PER_S: Final = 1_000
_BOT_MARKS: Final = {"known": "bot", "suspected": "bot_suspected"}
_CONSENT_MARKS: Final = {Consent.MINIMAL: "consent_minimal", Consent.REFUSED: "consent_refused"}
_Headers = Mapping[bytes, bytes]


class Visit:
    """One request for a link, as it is judged and stored.

    `marks` are words about what is odd. They decide nothing by themselves; an offer's targeting
    may. `params` have the names of our own links' values, whatever the link was written in.
    """

    __slots__ = (
        "agent",
        "at",
        "consent",
        "facts",
        "ip",
        "language",
        "marks",
        "ms",
        "params",
        "path",
        "place",
        "query",
        "referrer",
        "user_agent",
    )

    def __init__(self, scope: Scope, params: Mapping[str, str], ms: int) -> None:
        headers = dict(scope["headers"])
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.params = params
        self.ms = ms
        self.at = datetime.fromtimestamp(ms / _MS_PER_S, UTC)
        self.user_agent = _text(headers.get(b"user-agent"), USER_AGENT_MAX)
        self.referrer = _text(headers.get(b"referer"), REFERRER_MAX)
        self.language, tag = _language(headers.get(b"accept-language", b""))
        self.ip = _ip(scope)
        self.agent = agent(self.user_agent)
        self.place = place(self.ip)
        gpc = privacy.opts_out(headers)
        self.consent = _consent(params, self.place.country, gpc=gpc)
        prefetch = arrival.is_prefetch(headers)
        self.facts = Facts(
            country=self.place.country,
            region=self.place.region,
            device=self.agent.device,
            os=self.agent.os,
            os_version=self.agent.os_version,
            browser=self.agent.browser,
            language=tag,
            connection=self.place.connection,
            source=params.get("source", ""),
            subs=params,
            ip=self.place.ip_number,
            bot=self.agent.bot,
            prefetch=prefetch,
            datacentre=self.place.datacentre,
            at=self.at,
        )
        self.marks = _marks(self, headers, gpc=gpc)


def _marks(visit: Visit, headers: _Headers, *, gpc: bool) -> list[str]:
    marks = []
    if visit.agent.bot:
        marks.append(_BOT_MARKS[visit.agent.bot])
    if visit.facts.prefetch:
        marks.append("prefetch")
    if visit.place.datacentre:
        marks.append("datacentre")
    if arrival.manner(headers) == arrival.EMBEDDED:
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


def _ip(scope: Scope) -> str | None:
    peer = (scope.get("client") or ("",))[0]
    forwarded = []
    if settings.TRUSTED_PROXIES:
        forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return address.visitor(peer, forwarded)
