"""Whom an offer wants: a tree of rules over the facts of a visit, checked once, then compiled.

    {"all": [RULE, ...]}                            every one passes
    {"any": [RULE, ...]}                            at least one passes
    {"not": RULE}                                   it does not pass
    {"fact": "country", "in": ["DE", "AT"]}         also region, device, os, browser, language,
                                                    connection, source, sub1 to sub30, bot
    {"fact": "ip", "in": ["192.0.2.0/24", "2001:db8::/32"]}
    {"fact": "os_version", "at_least": "14.2"}
    {"fact": "prefetch", "is": true}                also datacentre
    {"fact": "local_time", "days": ["mon", "fri"], "from": "22:00", "to": "06:00"}
    {}                                              as the whole tree: everybody

Who fails gets a reason, that of the first failing part in the order of the tree. A fact's reason is
always the same; `any` and `not`, which fail as a whole, have the reason of the first fact in them.

A rule about a fact that is not known fails, whatever it asks, and so `not` of it passes: an offer
for Germany refuses whom nobody can place, an offer for all but Germany takes them.
"""

from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from network.errors import BadInput
from partners import conditions
from partners.conditions import Check, TargetingInvalid
from partners.facts import Facts

DEPTH_MAX: Final = 8
RULES_MAX: Final = 200
VALUES_MAX: Final = 2_000
# Every reason that a compiled tree can give.
TARGETING_REASONS: Final = conditions.REASONS


class TargetingTooLarge(BadInput):
    """A tree has at most 8 levels, 200 rules and 2,000 values."""

    code = "targeting_too_large"


class _Rule(NamedTuple):
    """A compiled rule, and the reason of the first fact in it."""

    check: Check
    reason: str


def validate(tree: object, pointer: str = "/targeting") -> None:
    """Refuse what `compile_tree` would not take; `pointer` says where in the body the tree stands.

    Raises TargetingInvalid, TargetingFactUnknown, TargetingValueInvalid, TargetingTooLarge and
    UnknownField, each with the pointer of the faulty part.
    """
    _compile(tree, "UTC", pointer)


def compile_tree(tree: object, time_zone: str) -> Check:
    """The tree as one function: None for a visit that passes, else the reason.

    `time_zone` is the offer's, such as Europe/Berlin. Raises what `validate` raises.
    """
    return _compile(tree, time_zone, "/targeting")


def _compile(tree: object, time_zone: str, pointer: str) -> Check:
    if tree == {}:
        return _everybody
    return _Reader(ZoneInfo(time_zone)).rule(tree, pointer, 1).check


def _everybody(facts: Facts) -> str | None:
    return None


class _Reader:
    """Reads one tree and counts what is in it; checking and compiling are the same walk."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone: Final = zone
        self._rules = 0
        self._values = 0

    def rule(self, tree: object, pointer: str, depth: int) -> _Rule:
        """The rule at this place, with all below it."""
        self._rules += 1
        if depth > DEPTH_MAX or self._rules > RULES_MAX:
            raise TargetingTooLarge(pointer=pointer)
        if not isinstance(tree, dict):
            raise TargetingInvalid(pointer=pointer)
        if "fact" in tree:
            return self._leaf(tree, pointer)
        if "not" in tree:
            conditions.refuse_others(tree, ("not",), pointer)
            return _inverse(self.rule(tree["not"], f"{pointer}/not", depth + 1))
        for kind, joined in (("all", _every), ("any", _some)):
            if kind in tree:
                conditions.refuse_others(tree, (kind,), pointer)
                return joined(self._list(tree[kind], f"{pointer}/{kind}", depth + 1))
        raise TargetingInvalid(pointer=pointer)

    def _list(self, trees: object, pointer: str, depth: int) -> list[_Rule]:
        return [
            self.rule(tree, f"{pointer}/{place}", depth)
            for place, tree in enumerate(conditions.filled_list(trees, pointer))
        ]

    def _leaf(self, tree: dict[str, object], pointer: str) -> _Rule:
        check, reason, values = conditions.read(tree, self._zone, pointer)
        self._values += values
        if self._values > VALUES_MAX:
            raise TargetingTooLarge(pointer=pointer)
        return _Rule(check, reason)


def _every(rules: list[_Rule]) -> _Rule:
    checks = tuple(rule.check for rule in rules)

    def check(facts: Facts) -> str | None:
        for each in checks:
            reason = each(facts)
            if reason is not None:
                return reason
        return None

    return _Rule(check, rules[0].reason)


def _some(rules: list[_Rule]) -> _Rule:
    checks = tuple(rule.check for rule in rules)
    reason = rules[0].reason

    def check(facts: Facts) -> str | None:
        for each in checks:
            if each(facts) is None:
                return None
        return reason

    return _Rule(check, reason)


def _inverse(rule: _Rule) -> _Rule:
    inner, reason = rule

    def check(facts: Facts) -> str | None:
        return reason if inner(facts) is None else None

    return _Rule(check, reason)
