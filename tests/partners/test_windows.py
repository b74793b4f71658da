"""Windows of time: every instant is in one of each period, whatever a zone does to its clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from network import zones
from partners.windows import window

PERIODS = ("hour", "day", "week", "month")
ZONES = sorted(zones.names())
SECONDS = st.integers(3_000_000, 2_800_000_000)  # from 1970 to 2058
INSTANTS = SECONDS.map(lambda second: datetime.fromtimestamp(second, UTC))
BLINK = timedelta(microseconds=1)


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def offset(zone, at):
    return at.astimezone(ZoneInfo(zone)).utcoffset()


@st.composite
def jumps(draw):
    """A zone and an instant within two days of one at which it sets its clock, if it does."""
    zone = draw(st.sampled_from(ZONES))
    early = draw(INSTANTS)
    late = early + timedelta(days=200)
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        same = offset(zone, middle) == offset(zone, early)
        early, late = (middle, late) if same else (early, middle)
    return zone, late + draw(st.timedeltas(timedelta(days=-2), timedelta(days=2)))


def check(period, zone, at):
    start, end = window(period, zone, at)
    assert start <= at < end
    # From the first to the last instant it is the same window, and its neighbours touch it.
    assert window(period, zone, start) == window(period, zone, end - BLINK) == (start, end)
    assert window(period, zone, start - BLINK)[1] == start
    assert window(period, zone, end)[0] == end


@given(st.sampled_from(PERIODS), st.sampled_from(ZONES), INSTANTS)
def test_windows_touch_and_never_overlap(period, zone, at):
    check(period, zone, at)


@given(st.sampled_from(PERIODS), jumps())
# The clock went back from 0:01 to 23:01; a whole day was left out; a jump of half an hour.
@example("day", ("America/St_Johns", instant("2006-10-29T02:45:00+00:00")))
@example("day", ("Pacific/Apia", instant("2011-12-30T10:00:00+00:00")))
@example("hour", ("Australia/Lord_Howe", instant("2026-04-04T15:10:00+00:00")))
@example("hour", ("Europe/Berlin", instant("2026-10-25T01:30:00+00:00")))
def test_a_clock_that_is_set_leaves_no_gap_and_no_overlap(period, jump):
    check(period, *jump)


@given(st.sampled_from(PERIODS), st.sampled_from(ZONES), INSTANTS)
def test_a_window_begins_when_the_clock_first_shows_its_beginning(period, zone, at):
    start, _ = window(period, zone, at)
    shown = start.astimezone(ZoneInfo(zone))
    before = (start - BLINK).astimezone(ZoneInfo(zone))
    units = {
        "hour": lambda local: (local.date(), local.hour),
        "day": lambda local: local.date(),
        "week": lambda local: local.isocalendar()[:2],
        "month": lambda local: (local.year, local.month),
    }
    assert units[period](before) < units[period](shown)


@pytest.mark.parametrize(
    ("period", "zone", "at", "start", "end"),
    [
        ("hour", "UTC", "26T12:59:59.999999Z", "26T12:00Z", "26T13:00Z"),
        ("day", "Europe/Berlin", "26T23:00Z", "27T00:00+01:00", "28T00:00+01:00"),
        ("week", "Europe/Berlin", "29T23:59+01:00", "23T00:00+01:00", "30T00:00+01:00"),
        ("month", "Asia/Tokyo", "30T14:59Z", "01T00:00+09:00", "30T15:00Z"),
        ("hour", "Asia/Kolkata", "26T12:00Z", "26T11:30Z", "26T12:30Z"),
        ("hour", "Asia/Kathmandu", "26T12:00Z", "26T11:15Z", "26T12:15Z"),
    ],
)
def test_windows_are_those_of_the_zones_calendar(period, zone, at, start, end):
    november = "2026-11-"
    assert window(period, zone, instant(november + at)) == (
        instant(november + start),
        instant(november + end),
    )


def test_the_month_after_december_is_in_the_next_year():
    start, end = window("month", "UTC", instant("2026-12-31T23:59Z"))
    assert (start, end) == (instant("2026-12-01T00:00Z"), instant("2027-01-01T00:00Z"))


@pytest.mark.parametrize(
    ("period", "zone", "at", "hours"),
    [
        ("day", "Europe/Berlin", "2026-03-29T12:00Z", 23),
        ("day", "Europe/Berlin", "2026-10-25T12:00Z", 25),
        ("day", "Australia/Lord_Howe", "2026-04-05T00:00Z", 24.5),
        # At midnight itself, forwards; there the day begins at one o'clock.
        ("day", "Africa/Cairo", "2026-04-24T12:00Z", 23),
        ("hour", "Europe/Berlin", "2026-10-25T00:30Z", 2),
        ("hour", "Europe/Berlin", "2026-10-25T01:30Z", 2),
        ("hour", "Australia/Lord_Howe", "2026-04-04T15:20Z", 1.5),
        ("hour", "Australia/Lord_Howe", "2026-10-03T15:45Z", 0.5),
    ],
)
def test_what_a_clock_shows_twice_is_one_window(period, zone, at, hours):
    start, end = window(period, zone, instant(at))
    assert end - start == timedelta(hours=hours)


def test_total_is_all_time():
    assert window("total", "Asia/Tokyo", instant("2026-11-26T12:00Z")) == (
        datetime(1970, 1, 1, tzinfo=UTC),
        None,
    )


def test_what_is_no_period_or_no_zone_is_refused():
    with pytest.raises(ValueError, match="no period"):
        window("year", "UTC", instant("2026-11-26T12:00Z"))
    with pytest.raises(ZoneInfoNotFoundError):
        window("day", "Mars/Phobos", instant("2026-11-26T12:00Z"))
