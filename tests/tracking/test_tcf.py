"""Consent strings: what the IAB's own library made is read as that library reads it."""

import time
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.clicks import tcf
from tracking.clicks.tcf import Answer

# Made and read by npm @iabtcf/core 1.5.6, with a list of vendors without every 97th; all but
# OLD_CORE are of 20 November 2026.
ALL = (
    "CQt-4cAQt-4cAEsACBENB4FgAP_gAAAAAAYgHCQCoAAgDBAGIAwYBhgJFASQBg4DCgPJAeYCRYEjgVNAqgDB"
    "4GEgbRA2oDhAOEgFQABAGCAMQBgwDDASKAkgDBwGFAeSA8wEiwJHAqaBVAGDwMJA2iBtQHCAAAAA.IHCQCoA"
    "AgDBAGIAwYBhgJFASQBg4DCgPJAeYCRYEjgVNAqgDB4GEgbRA2oDhAAAA"
)
FEW = (
    "CQt-4cAQt-4cAEsACBENB4FgAIAAAAAAAAYgF5wAgACgLzAAAAAA.IHCQCoAAgDBAGIAwYBhgJFASQBg4DCg"
    "PJAeYCRYEjgVNAqgDB4GEgbRA2oDhAAAA"
)
SMALL = "CQt-4cAQt-4cAEsACBENB4FgAIAAAAAAAAYgAGmooAAAAAAA.IAKP__8A"
NOT_PURPOSE_ONE = (
    "CQt-4cAQt-4cAEsACBENB4FgAHAAAAAAAAYgHCQCoAAgDBAGIAwYBhgJFASQBg4DCgPJAeYCRYEjgVNAqgDB"
    "4GEgbRA2oDhAAAAAAAAA.IHCQCoAAgDBAGIAwYBhgJFASQBg4DCgPJAeYCRYEjgVNAqgDB4GEgbRA2oDhAAA"
    "A"
)
NOTHING = (
    "CQt-4cAQt-4cAEsACBENB4FgAAAAAAAAAAYgAAAAAAAA.IHCQCoAAgDBAGIAwYBhgJFASQBg4DCgPJAeYCRY"
    "EjgVNAqgDB4GEgbRA2oDhAAAA"
)
RESTRICTED = (
    "CQt-4cAQt-4cAEsACBENB4FgAMAAAAAAAAYgHCQCoAAgDBAGIAwYBhgJFASQBg4DCgPJAeYCRYEjgVNAqgDB"
    "4GEgbRA2oDhAAAABAgAQC8wF8BAAIABQ.IHCQCoAAgDBAGIAwYBhgJFASQBg4DCgPJAeYCRYEjgVNAqgDB4G"
    "EgbRA2oDhAAAA"
)
PUBLISHER = (
    "CQt-4cAQt-4cAEsACBENB4FgAIAAAAAAAAYgBkQAoACgAUAMgAAAAAAA.ICWQBIAAgDBAGIAwYBhgJFASQBL"
    "A.eAAAAAAAAAAA"
)
OLD_CORE = "CQSU_AAQSU_AAEsACBENB4FgAIAAAAAAAAYgACggAAAA"
NEW_CORE = "CQt-4cAQt-4cAEsACBENB4FgAIAAAAAAAAYgACggAAAA"
NOT_ASKED = "CQt-4cAQt-4cAEsACBENB4FgAEAAAAAAAIYgACggAAAA.ICWQBIAAgDBAGIAwYBhgJFASQBLA"
# The core of the one with the disclosed vendors of the other, 1 to 20.
UNDISCLOSED = FEW.partition(".")[0] + "." + SMALL.partition(".")[2]


@pytest.mark.parametrize(
    ("text", "vendors"),
    [
        (ALL, {1: True, 96: True, 97: False, 98: True, 755: True, 900: True, 901: False}),
        (FEW, {4: False, 5: True, 755: True, 756: False}),
        (SMALL, {1: False, 2: True, 11: True, 13: True, 19: False, 21: False}),
        (RESTRICTED, {5: True, 755: False, 756: True, 760: False}),
        (PUBLISHER, {5: True, 200: True, 201: False}),
        (OLD_CORE, {5: True, 6: False}),
        (UNDISCLOSED, {5: True, 20: False, 755: False}),
        (NOTHING, {5: False, 755: False}),
    ],
)
def test_a_vendor_has_consent_if_it_was_given_shown_and_not_forbidden(text, vendors):
    answers = {vendor: tcf.read(text, vendor) for vendor in vendors}
    assert {vendor: answer.vendor for vendor, answer in answers.items()} == vendors


@pytest.mark.parametrize(
    ("text", "given"),
    [(ALL, True), (FEW, True), (NOT_PURPOSE_ONE, False), (NOTHING, False), (NOT_ASKED, False)],
)
def test_purpose_one_is_what_the_person_said(text, given):
    assert tcf.read(text, 5).purpose_one is given


def test_vendor_0_is_nobody():
    assert tcf.read(ALL, 0) == Answer(purpose_one=True, vendor=False)


def test_a_string_of_today_without_its_disclosed_vendors_is_none():
    assert tcf.read(NEW_CORE, 5) is None
    assert tcf.read(OLD_CORE, 5) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rubbish",
        "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA",
        ALL + "=",
        ALL + ".",
        "." + ALL,
        ALL.replace(".", "..", 1),
        ALL + "\n",
        ALL + ".A.A.A",
        FEW[:30],
        "C" * tcf.LENGTH_MAX,
        "C" * (tcf.LENGTH_MAX + 1),
        "é",
    ],
)
def test_what_is_no_string_of_version_2_is_none(text):
    assert tcf.read(text, 5) is None


@pytest.mark.parametrize("text", [OLD_CORE, ALL.partition(".")[0], SMALL.partition(".")[0]])
def test_a_core_that_is_cut_off_is_none(text):
    whole = text.rstrip("A")
    assert [tcf.read(whole[:length], 5) for length in range(len(whole) - 3)] == [None] * (
        len(whole) - 3
    )


@given(st.text() | st.text("ABCgIHYQ4_-.", max_size=300), st.integers(0, 0xFFFF))
def test_no_text_breaks_the_reader(text, vendor):
    for each in (text, OLD_CORE + text, FEW[:40] + text):
        answer = tcf.read(each, vendor)
        assert answer is None or isinstance(answer, Answer)


def written(*fields):
    """A string of (value, bits) each."""
    bits = "".join(f"{value:0{width}b}" for value, width in fields)
    bits += "0" * (-len(bits) % 8)
    return urlsafe_b64encode(int(bits, 2).to_bytes(len(bits) // 8)).decode().rstrip("=")


def of_ranges(ranges):
    """A string that consents to vendors by ranges, and to nothing else."""
    core = [(2, 6), (0, 36), (0, 36), (0, 60), (0, 14), (1 << 23, 24), (0, 24), (0, 13)]
    listed = [field for first, last in ranges for field in ((1, 1), (first, 16), (last, 16))]
    return written(*core, (9, 16), (1, 1), (len(ranges), 12), *listed, (0, 17), (0, 12))


@pytest.mark.parametrize(("first", "last"), [(0, 5), (6, 5), (0, 0)])
def test_a_range_that_cannot_be_makes_it_none(first, last):
    assert tcf.read(of_ranges([(5, 5), (7, 9)]), 8) == Answer(purpose_one=True, vendor=True)
    assert tcf.read(of_ranges([(5, 5), (first, last)]), 5) is None


def test_the_longest_string_is_read_in_no_time():
    text = of_ranges([(9, 9)] * 1_440)
    assert tcf.LENGTH_MAX - 100 < len(text) <= tcf.LENGTH_MAX
    begin_s = time.process_time()
    assert tcf.read(text, 9).vendor
    assert time.process_time() - begin_s < 0.02
