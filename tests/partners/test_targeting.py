"""Targeting: what a tree lets through, with what reason it refuses, and which trees it takes."""

import json
import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.errors import BadInput
from network.ranges import number
from partners.conditions import FACTS
from partners.targeting import TARGETING_REASONS, compile_tree, validate
from partners.vocabulary import SUBS
from tests.running import ROOT

BERLIN = "Europe/Berlin"
# A Wednesday, 13:30 in Berlin.
AT = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
GERMANS = {"fact": "country", "in": ["DE"]}
PHONES = {"fact": "device", "in": ["phone", "tablet"]}
NO_BOTS = {"not": {"fact": "bot", "in": ["known"]}}
IOS = {"fact": "os", "in": ["IOS"]}


def make_facts(**fields):
    known = {
        "country": "DE", "region": "DE-BY", "device": "phone", "os": "iOS", "os_version": "17.5.1",
        "browser": "Safari", "language": "de", "connection": "cellular", "source": "News",
        "subs": {"sub1": "abc"}, "ip_number": number("192.0.2.7"), "bot": "", "prefetch": False,
        "datacentre": False, "at": AT,
    }  # fmt: skip
    return SimpleNamespace(**(known | fields))


NOTHING_KNOWN = make_facts(
    **dict.fromkeys(
        ("country", "region", "device", "os", "os_version", "browser", "language", "connection"), ""
    ),
    source="",
    subs={},
    ip_number=None,
)


def reason(tree, facts=None, zone=BERLIN):
    return compile_tree(tree, zone)(facts or make_facts())


# --- what passes


@pytest.mark.parametrize(
    ("passing", "failing", "code"),
    [
        (GERMANS, {"fact": "country", "in": ["AT"]}, "geo_country"),
        ({"fact": "region", "in": ["DE-BY"]}, {"fact": "region", "in": ["DE-BE"]}, "geo_region"),
        (PHONES, {"fact": "device", "in": ["desktop"]}, "device_type"),
        (IOS, {"fact": "os", "in": ["Android"]}, "os"),
        (
            {"fact": "os_version", "at_least": "17.5"},
            {"fact": "os_version", "at_least": "17.10"},
            "os_version",
        ),
        ({"fact": "browser", "in": ["safari"]}, {"fact": "browser", "in": ["Edge"]}, "browser"),
        ({"fact": "language", "in": ["DE"]}, {"fact": "language", "in": ["en"]}, "language"),
        (
            {"fact": "connection", "in": ["cellular"]},
            {"fact": "connection", "in": ["corporate"]},
            "connection",
        ),
        ({"fact": "source", "in": ["news"]}, {"fact": "source", "in": ["x"]}, "source_blocked"),
        (
            {"not": {"fact": "sub1", "in": ["x"]}},
            {"not": {"fact": "sub1", "in": ["x", "ABC"]}},
            "sub_blocked",
        ),
        (
            {"fact": "ip", "in": ["10.0.0.0/8", "192.0.2.0/24"]},
            {"not": {"fact": "ip", "in": ["192.0.2.7"]}},
            "ip_blocked",
        ),
        (
            {"fact": "local_time", "from": "13:30", "to": "13:31"},
            {"fact": "local_time", "to": "13:30"},
            "day_parting",
        ),
        (NO_BOTS, {"fact": "bot", "in": ["known", "suspected"]}, "bot"),
        ({"fact": "prefetch", "is": False}, {"fact": "prefetch", "is": True}, "prefetch"),
        (
            {"not": {"fact": "datacentre", "is": True}},
            {"fact": "datacentre", "is": True},
            "datacentre",
        ),
    ],
)
def test_every_fact_has_its_reason(passing, failing, code):
    assert reason(passing) is None
    assert reason(failing) == code
    assert code in TARGETING_REASONS


def test_every_reason_fits_the_clicks_column():
    assert max(map(len, TARGETING_REASONS)) <= 24
    assert len(set(TARGETING_REASONS)) == len(TARGETING_REASONS) == 15


def test_no_tree_lets_everybody_pass():
    assert reason({}, NOTHING_KNOWN) is None


@pytest.mark.parametrize(
    "leaf",
    [
        GERMANS,
        PHONES,
        IOS,
        {"fact": "region", "in": ["DE-BY"]},
        {"fact": "os_version", "at_least": "0"},
        {"fact": "browser", "in": ["Safari"]},
        {"fact": "language", "in": ["de"]},
        {"fact": "connection", "in": ["cellular"]},
        {"fact": "source", "in": ["News"]},
        {"fact": "sub30", "in": ["abc"]},
        {"fact": "ip", "in": ["0.0.0.0/0", "::/0"]},
        {"fact": "bot", "in": ["known", "suspected"]},
    ],
)
def test_of_what_is_not_known_the_rule_fails_and_its_opposite_passes(leaf):
    assert reason(leaf, NOTHING_KNOWN) is not None
    assert reason({"not": leaf}, NOTHING_KNOWN) is None


def test_the_first_failing_part_gives_the_reason():
    wrong = make_facts(country="US", device="tv")
    assert reason({"all": [NO_BOTS, PHONES, GERMANS]}, wrong) == "device_type"
    assert reason({"all": [NO_BOTS, {"all": [GERMANS]}, PHONES]}, wrong) == "geo_country"


def test_any_and_not_have_the_reason_of_the_first_fact_in_them():
    wrong = make_facts(country="US", device="tv")
    assert reason({"any": [{"all": [PHONES, IOS]}, GERMANS]}, wrong) == "device_type"
    assert reason({"not": {"any": [GERMANS, IOS]}}) == "geo_country"
    assert reason({"any": [{"not": IOS}, GERMANS]}) is None


@pytest.mark.parametrize(
    ("version", "passes"),
    [("14.2", True), ("14.10", True), ("15", True), ("14.2.0.0", True), ("14.1.9", False),
     ("14", False), ("", False), ("XP", False), ("14.x", False)],
)  # fmt: skip
def test_versions_are_compared_as_numbers(version, passes):
    for least in ("14.2", "14.2.0"):
        leaf = {"fact": "os_version", "at_least": least}
        assert (reason(leaf, make_facts(os_version=version)) is None) == passes


def at(day, time):
    """An instant of the week that begins on Monday, 23 November 2026, in Berlin."""
    local = datetime.fromisoformat(f"2026-11-{23 + day}T{time}").replace(tzinfo=ZoneInfo(BERLIN))
    return make_facts(at=local.astimezone(UTC))


@pytest.mark.parametrize(
    ("day", "time", "passes"),
    [(4, "21:59", False), (4, "22:00", True), (5, "05:59", True), (5, "06:00", False),
     (5, "23:00", False), (4, "03:00", False)],
)  # fmt: skip
def test_a_time_over_midnight_belongs_to_the_day_on_which_it_begins(day, time, passes):
    leaf = {"fact": "local_time", "days": ["fri"], "from": "22:00", "to": "06:00"}
    assert (reason(leaf, at(day, time)) is None) == passes


def test_sunday_night_goes_on_on_monday():
    leaf = {"fact": "local_time", "days": ["sun"], "from": "22:00", "to": "06:00"}
    assert reason(leaf, at(0, "05:00")) is None


def test_the_time_is_that_of_the_offers_zone_also_in_summer():
    leaf = {"fact": "local_time", "from": "09:00", "to": "10:00"}
    for month, hour in ((7, 7), (12, 8)):
        moment = make_facts(at=datetime(2026, month, 1, hour, 30, tzinfo=UTC))
        assert reason(leaf, moment, BERLIN) is None
        assert reason(leaf, moment, "Asia/Tokyo") == "day_parting"


def test_days_alone_are_whole_days():
    leaf = {"fact": "local_time", "days": ["wed"]}
    assert [reason(leaf, at(2, time)) for time in ("00:00", "23:59")] == [None, None]
    assert reason(leaf, at(3, "00:00")) == "day_parting"


# --- which trees are taken


def deep(levels):
    tree = GERMANS
    for _ in range(levels - 1):
        tree = {"not": tree}
    return tree


@pytest.mark.parametrize(
    ("tree", "code", "pointer"),
    [
        (None, "targeting_invalid", "/t"),
        ([], "targeting_invalid", "/t"),
        ({"all": []}, "targeting_invalid", "/t/all"),
        ({"any": {}}, "targeting_invalid", "/t/any"),
        ({"all": [GERMANS, {}]}, "targeting_invalid", "/t/all/1"),
        ({"not": [GERMANS]}, "targeting_invalid", "/t/not"),
        ({"none": [GERMANS]}, "targeting_invalid", "/t"),
        ({"all": [GERMANS], "any": [GERMANS]}, "unknown_field", "/t/any"),
        ({"not": GERMANS, "a/b~c": 1}, "unknown_field", "/t/a~1b~0c"),
        (GERMANS | {"is": True}, "unknown_field", "/t/is"),
        ({"fact": "sub31", "in": ["x"]}, "targeting_fact_unknown", "/t/fact"),
        ({"fact": "at", "in": ["x"]}, "targeting_fact_unknown", "/t/fact"),
        ({"fact": ["country"], "in": ["DE"]}, "targeting_fact_unknown", "/t/fact"),
        ({"fact": "country"}, "targeting_invalid", "/t/in"),
        ({"fact": "country", "in": "DE"}, "targeting_invalid", "/t/in"),
        ({"fact": "country", "in": ["DE", "de"]}, "targeting_value_invalid", "/t/in/1"),
        ({"fact": "country", "in": ["UK"]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "country", "in": [[]]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "region", "in": ["BY"]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "device", "in": ["mobile"]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "language", "in": ["de-AT"]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "bot", "in": [""]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "source", "in": [""]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "source", "in": ["a\0"]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "sub1", "in": ["\ud800"]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "sub1", "in": ["x" * 501]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "ip", "in": ["10.0.0.1/8"]}, "targeting_value_invalid", "/t/in/0"),
        ({"fact": "ip", "in": ["::/0", 7]}, "targeting_value_invalid", "/t/in/1"),
        ({"fact": "os_version", "in": ["14"]}, "unknown_field", "/t/in"),
        ({"fact": "os_version", "at_least": 14}, "targeting_value_invalid", "/t/at_least"),
        ({"fact": "os_version", "at_least": "14."}, "targeting_value_invalid", "/t/at_least"),
        ({"fact": "prefetch", "is": 1}, "targeting_value_invalid", "/t/is"),
        ({"fact": "prefetch"}, "targeting_value_invalid", "/t/is"),
        ({"fact": "local_time"}, "targeting_invalid", "/t"),
        ({"fact": "local_time", "days": []}, "targeting_invalid", "/t/days"),
        ({"fact": "local_time", "days": ["mon", "x"]}, "targeting_value_invalid", "/t/days/1"),
        ({"fact": "local_time", "from": "24:00"}, "targeting_value_invalid", "/t/from"),
        ({"fact": "local_time", "to": "9:00"}, "targeting_value_invalid", "/t/to"),
        (
            {"fact": "local_time", "from": "09:00", "to": "09:00"},
            "targeting_value_invalid",
            "/t/to",
        ),
        (deep(9), "targeting_too_large", "/t" + "/not" * 8),
        ({"all": [GERMANS] * 200}, "targeting_too_large", "/t/all/199"),
        ({"fact": "sub1", "in": ["x"] * 2001}, "targeting_too_large", "/t"),
        ({"not": {"fact": "ip", "in": ["::"] * 2001}}, "targeting_too_large", "/t/not"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tree, code, pointer):
    with pytest.raises(BadInput) as refusal:
        validate(tree, "/t")
    [fault] = refusal.value.errors
    assert (fault.code, fault.pointer) == (code, pointer)


@pytest.mark.parametrize(
    "tree",
    [deep(8), {"all": [GERMANS] * 199}, {"fact": "sub1", "in": ["x"] * 2000}],
)
def test_a_tree_may_be_this_large(tree):
    validate(tree)


def test_a_tree_far_too_deep_is_refused_like_any_other():
    with pytest.raises(BadInput):
        validate(deep(900))


# --- the compiled tree against the plain reading of it

words = st.sampled_from(["a", "B", "ß", "ss", "SS", "é"])
networks = st.sampled_from(
    ["0.0.0.0/0", "::/0", "10.0.0.0/8", "10.0.0.0/9", "10.128.0.1", "2001:db8::/32", "2001:db8::7"]
)
times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 30, 59]))
days = st.lists(
    st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, max_size=4
)


def ins(fact, values):
    lists = st.lists(values, min_size=1, max_size=3)
    return st.builds(lambda name, chosen: {"fact": name, "in": chosen}, fact, lists)


leaves = st.one_of(
    ins(st.sampled_from(["os", "browser", "source", "sub1", "sub30"]), words),
    ins(st.just("country"), st.sampled_from(["DE", "AT", "US"])),
    ins(st.just("device"), st.sampled_from(["phone", "tv"])),
    ins(st.just("bot"), st.sampled_from(["known", "suspected"])),
    ins(st.just("ip"), networks),
    st.builds(
        lambda fact, wanted: {"fact": fact, "is": wanted},
        st.sampled_from(["prefetch", "datacentre"]),
        st.booleans(),
    ),
    st.fixed_dictionaries(
        {"fact": st.just("local_time"), "days": days}, optional={"from": times, "to": times}
    ).filter(lambda leaf: leaf.get("from", "00:00") != leaf.get("to")),
    st.sampled_from(["1", "1.0", "1.2", "2"]).map(
        lambda least: {"fact": "os_version", "at_least": least}
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"all": each}),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"any": each}),
        inner.map(lambda each: {"not": each}),
    ),
    max_leaves=8,
)
addresses = st.sampled_from(["10.0.0.1", "10.128.0.1", "192.0.2.1", "2001:db8::7", "::1", ""])
facts = st.builds(
    make_facts,
    country=st.sampled_from(["", "DE", "US"]),
    device=st.sampled_from(["", "phone", "desktop"]),
    os=words | st.just(""),
    browser=words | st.just(""),
    source=words | st.just(""),
    subs=st.dictionaries(st.sampled_from(["sub1", "sub30"]), words),
    ip_number=addresses.map(number),
    bot=st.sampled_from(["", "known", "suspected"]),
    prefetch=st.booleans(),
    datacentre=st.booleans(),
    os_version=st.sampled_from(["", "1", "1.1.9", "1.2.0", "10", "XP"]),
    at=st.timedeltas(timedelta(0), timedelta(365)).map(lambda later: AT + later),
)


def plainly(tree, visit):
    """What the compiled tree has to say, read off the tree anew for this visit."""
    if "all" in tree:
        return next(filter(None, (plainly(each, visit) for each in tree["all"])), None)
    if "any" in tree:
        passes = any(plainly(each, visit) is None for each in tree["any"])
        return None if passes else first_reason(tree)
    if "not" in tree:
        return first_reason(tree) if plainly(tree["not"], visit) is None else None
    return None if holds(tree, visit) else first_reason(tree)


def first_reason(tree):
    while "fact" not in tree:
        tree = tree.get("not") or (tree.get("all") or tree.get("any"))[0]
    names = {"country": "geo_country", "device": "device_type", "source": "source_blocked",
             "ip": "ip_blocked", "local_time": "day_parting"}  # fmt: skip
    return "sub_blocked" if tree["fact"] in SUBS else names.get(tree["fact"], tree["fact"])


def holds(leaf, visit):
    fact = leaf["fact"]
    if fact == "ip":
        return visit.ip_number is not None and any(
            visit.ip_number in numbers(text) for text in leaf["in"]
        )
    if fact == "local_time":
        return in_time(leaf, visit.at.astimezone(ZoneInfo(BERLIN)))
    if fact == "os_version":
        return newer(visit.os_version, leaf["at_least"])
    value = visit.subs.get(fact, "") if fact in SUBS else getattr(visit, fact)
    if "is" in leaf:
        return value == leaf["is"]
    return value.casefold() in [each.casefold() for each in leaf["in"]]


def numbers(text):
    each = ip_network(text)
    if text == "::/0":
        return [number(address) for address in ("2001:db8::7", "::1")]
    return range(number(str(each[0])), number(str(each[-1])) + 1)


def in_time(leaf, local):
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    first, end = leaf.get("from", "00:00"), leaf.get("to", "24:00")
    time, day = local.strftime("%H:%M"), local.weekday()
    if first < end:
        return first <= time < end and names[day] in leaf["days"]
    if time >= first:
        return names[day] in leaf["days"]
    return time < end and names[day - 1] in leaf["days"]


def newer(version, least):
    parts = version.split(".")
    if not all(part.isdigit() for part in parts):
        return False
    filled = [[int(part) for part in each] for each in (parts, least.split("."))]
    return (filled[0] + [0] * 4)[:4] >= (filled[1] + [0] * 4)[:4]


@given(trees, facts)
def test_a_compiled_tree_says_what_its_words_say(tree, visit):
    try:
        validate(tree)
    except BadInput as refusal:
        assert refusal.code == "targeting_too_large"  # noqa: PT017  (deeper than eight)
        return
    assert reason(tree, visit) == plainly(tree, visit)


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["DE", "country", "09:00", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "fact", "in", "is", "at_least", "days", "from"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(trees | any_json, facts)
def test_any_json_is_refused_as_bad_input_or_compiles(tree, visit):
    try:
        validate(tree)
    except BadInput as refusal:
        with pytest.raises(type(refusal)):
            compile_tree(tree, BERLIN)
    else:
        assert reason(tree, visit) in (None, *TARGETING_REASONS)


def test_addresses_of_both_kinds_are_told_apart():
    leaf = {"fact": "ip", "in": ["::/0"]}
    assert reason(leaf, make_facts(ip_number=number("2001:db8::1"))) is None
    assert reason(leaf, make_facts(ip_number=number(str(ip_address("192.0.2.1"))))) == "ip_blocked"


def test_the_page_on_offers_shows_a_good_tree_and_every_fact():
    page = (ROOT / "docs" / "offers.md").read_text()
    page = page.split("## Targeting")[1].split("## Landing pages")[0]
    tree = json.loads(page.split("```json\n")[1].split("```")[0])["targeting"]
    assert reason(tree) is None
    assert set(re.findall(r"`([a-z0-9_]+)`", page)) >= {*FACTS, SUBS[0], SUBS[-1]}
