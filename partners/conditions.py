"""One fact compared with what an offer wants of it: the leaves of a targeting tree.

Texts are compared without regard to case. `local_time` is the time of day in the offer's time zone:
`from` is included and `to` is not, one alone goes from the day's begin or to its end, and from
22:00 to 06:00 goes over midnight and belongs to the day on which it begins. Versions are compared
part by part as numbers, so 14.10 is above 14.9 and 14 is the same as 14.0.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from network.countries import COUNTRIES
from network.errors import BadInput, UnknownField
from network.ranges import Ranges, network
from partners.facts import BOTS, CONNECTIONS, DEVICES, Facts
from partners.vocabulary import SUBS

TEXT_MAX: Final = 500

# None for a visit that passes, else the reason.
Check = Callable[[Facts], str | None]


class TargetingInvalid(BadInput):
    """A rule is like {"fact": "country", "in": ["DE"]}, or all, any or not of rules."""

    code = "targeting_invalid"


class TargetingFactUnknown(BadInput):
    """No rule can ask for this fact."""

    code = "targeting_fact_unknown"


class TargetingValueInvalid(BadInput):
    """The fact can never have this value."""

    code = "targeting_value_invalid"


class Condition(NamedTuple):
    """A compiled leaf, the reason that it gives, and how many values it compares with."""

    check: Check
    reason: str
    values: int = 1


class _Text(NamedTuple):
    """A fact that is compared with a list of texts: its reason, and what a value looks like."""

    reason: str
    takes: Callable[[str], object]
    form: str


def _printable(text: str) -> bool:
    return 0 < len(text) <= TEXT_MAX and text.isprintable()


def _one_of(words: tuple[str, ...]) -> tuple[Callable[[str], object], str]:
    return words.__contains__, f"one of {', '.join(words)}"


_ANY_TEXT: Final = (_printable, f"a text of 1 to {TEXT_MAX} printable characters")
_REGION: Final = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}")
_TEXTS: Final[Mapping[str, _Text]] = {
    "country": _Text(
        "geo_country",
        COUNTRIES.__contains__,
        "a two-letter code of ISO 3166 in capitals, such as DE",
    ),
    "region": _Text("geo_region", _REGION.fullmatch, "a region of ISO 3166-2, such as DE-BY"),
    "device": _Text("device_type", *_one_of(DEVICES)),
    "os": _Text("os", *_ANY_TEXT),
    "browser": _Text("browser", *_ANY_TEXT),
    "language": _Text("language", _LANGUAGE.fullmatch, "a language without country, such as de"),
    "connection": _Text("connection", *_one_of(CONNECTIONS)),
    "source": _Text("source_blocked", *_ANY_TEXT),
    **dict.fromkeys(SUBS, _Text("sub_blocked", *_ANY_TEXT)),
    "bot": _Text("bot", *_one_of(BOTS)),
}
TEXT_FACTS: Final = tuple(_TEXTS)
FLAGS: Final = ("prefetch", "datacentre")
# All that a rule can ask for, but for the sub ids.
FACTS: Final = (
    *(fact for fact in TEXT_FACTS if fact not in SUBS),
    *FLAGS,
    "ip",
    "os_version",
    "local_time",
)
REASONS: Final = (
    *dict.fromkeys(text.reason for text in _TEXTS.values()),
    "os_version",
    "ip_blocked",
    "day_parting",
    *FLAGS,
)

VERSION: Final = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}", re.ASCII)
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_DAY_MINUTES: Final = 24 * 60


def read(rule: Mapping[str, object], zone: ZoneInfo, pointer: str) -> Condition:
    """The leaf behind `{"fact": ...}`.

    Raises TargetingInvalid, TargetingFactUnknown, TargetingValueInvalid and UnknownField.
    """
    fact = rule["fact"]
    if not isinstance(fact, str):
        raise TargetingFactUnknown(pointer=f"{pointer}/fact")
    if fact in _TEXTS:
        return _text(fact, rule, pointer)
    if fact in FLAGS:
        return _flag(fact, rule, pointer)
    if fact == "ip":
        return _ip(rule, pointer)
    if fact == "os_version":
        return _os_version(rule, pointer)
    if fact == "local_time":
        return _local_time(rule, zone, pointer)
    known = f"the facts are {', '.join(FACTS)} and {SUBS[0]} to {SUBS[-1]}"
    raise TargetingFactUnknown(known, pointer=f"{pointer}/fact")


def refuse_others(rule: Mapping[str, object], names: tuple[str, ...], pointer: str) -> None:
    """UnknownField for a member of the rule that is not among the names."""
    for name in rule:
        if name not in names:
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            raise UnknownField(pointer=f"{pointer}/{escaped}")


def filled_list(value: object, pointer: str) -> list[object]:
    """A list with something in it; TargetingInvalid for anything else."""
    if isinstance(value, list) and value:
        return value
    raise TargetingInvalid("a list of at least one is needed", pointer=pointer)


def _text(fact: str, rule: Mapping[str, object], pointer: str) -> Condition:
    reason, takes, form = _TEXTS[fact]
    texts = _texts(rule, takes, form, pointer)
    wanted = frozenset(text.casefold() for text in texts)

    def check_sub(facts: Facts) -> str | None:
        return None if facts.subs.get(fact, "").casefold() in wanted else reason

    if fact in SUBS:
        return Condition(check_sub, reason, len(texts))
    value = attrgetter(fact)

    def check(facts: Facts) -> str | None:
        return None if value(facts).casefold() in wanted else reason

    return Condition(check, reason, len(texts))


def _flag(fact: str, rule: Mapping[str, object], pointer: str) -> Condition:
    refuse_others(rule, ("fact", "is"), pointer)
    wanted = rule.get("is")
    if not isinstance(wanted, bool):
        raise TargetingValueInvalid("true or false is needed", pointer=f"{pointer}/is")
    value = attrgetter(fact)
    return Condition(lambda facts: None if value(facts) is wanted else fact, fact)


def _ip(rule: Mapping[str, object], pointer: str) -> Condition:
    form = "a range of addresses such as 192.0.2.0/24, without bits behind its length"
    texts = _texts(rule, _is_network, form, pointer)
    ranges = Ranges(network(text) for text in texts)

    def check(facts: Facts) -> str | None:
        return None if facts.ip_number is not None and facts.ip_number in ranges else "ip_blocked"

    return Condition(check, "ip_blocked", len(texts))


def _os_version(rule: Mapping[str, object], pointer: str) -> Condition:
    refuse_others(rule, ("fact", "at_least"), pointer)
    text = rule.get("at_least")
    if not isinstance(text, str) or not VERSION.fullmatch(text):
        raise TargetingValueInvalid(
            'a version such as "14.2" is needed', pointer=f"{pointer}/at_least"
        )
    least = _version(text) or ()

    def check(facts: Facts) -> str | None:
        version = _version(facts.os_version)
        return None if version is not None and version >= least else "os_version"

    return Condition(check, "os_version")


def _local_time(rule: Mapping[str, object], zone: ZoneInfo, pointer: str) -> Condition:
    refuse_others(rule, ("fact", "days", "from", "to"), pointer)
    if len(rule) == 1:
        raise TargetingInvalid("days, from or to are needed", pointer=pointer)
    named = filled_list(rule.get("days", [*DAYS]), f"{pointer}/days")
    for place, day in enumerate(named):
        if day not in DAYS:
            raise TargetingValueInvalid(
                f"one of {', '.join(DAYS)} is needed", pointer=f"{pointer}/days/{place}"
            )
    days = frozenset(number for number, day in enumerate(DAYS) if day in named)
    days_after = frozenset((day + 1) % len(DAYS) for day in days)
    first = _minute(rule.get("from", "00:00"), f"{pointer}/from")
    end = _minute(rule["to"], f"{pointer}/to") if "to" in rule else _DAY_MINUTES
    if first == end:
        raise TargetingValueInvalid("from and to are the same", pointer=f"{pointer}/to")

    def check(facts: Facts) -> str | None:
        local = facts.at.astimezone(zone)
        minute = local.hour * 60 + local.minute
        if first < end:
            passes = first <= minute < end and local.weekday() in days
        elif minute >= first:
            passes = local.weekday() in days
        else:
            passes = minute < end and local.weekday() in days_after
        return None if passes else "day_parting"

    return Condition(check, "day_parting", len(named))


def _texts(
    rule: Mapping[str, object], takes: Callable[[str], object], form: str, pointer: str
) -> list[str]:
    """The texts of `in`, each of them fit for the fact."""
    refuse_others(rule, ("fact", "in"), pointer)
    texts = []
    for place, text in enumerate(filled_list(rule.get("in"), f"{pointer}/in")):
        if not isinstance(text, str) or not takes(text):
            raise TargetingValueInvalid(f"{form} is needed", pointer=f"{pointer}/in/{place}")
        texts.append(text)
    return texts


def _is_network(text: str) -> bool:
    try:
        network(text)
    except ValueError:
        return False
    return True


def _minute(text: object, pointer: str) -> int:
    """Minutes since midnight."""
    found = TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise TargetingValueInvalid("a time such as 09:30 is needed", pointer=pointer)
    return int(found[1]) * 60 + int(found[2])


@lru_cache(maxsize=10_000)
def _version(text: str) -> tuple[int, ...] | None:
    """The parts of a version without zeros at the end; None for what is no version, such as XP."""
    if not VERSION.fullmatch(text):
        return None
    parts = [int(part) for part in text.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
