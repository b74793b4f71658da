"""Signed links: the published example, and everything that must not pass."""

import re
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.link_signature import sign, signed_query
from tests.running import ROOT
from tracking.clicks.query import parse
from tracking.clicks.signing import check

SECRET = b"peraction-example-secret"
PATH = "/c/abcdefghij"
QUERY = b"sub1=blog&key=k1&expires=1795305600"
SIG = "82ba767f4d701de0c4b00c42fba2e98453759fba8bc7953d9828a4c0238bf09e"
SIGNED = QUERY + b"&sig=" + SIG.encode()
END = datetime.fromtimestamp(1_795_305_600, UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Key:
    secret: bytes = SECRET
    ends: datetime = END + DAY

    def lives(self, at):
        return at < self.ends


KEYS = {"k1": Key()}


def verdict(path, query, keys, at):
    return check(path, query, parse(query), keys, at)


def signed(query):
    return query + b"&sig=" + sign(SECRET, PATH, query).encode()


def test_the_published_example_has_its_signature():
    assert sign(SECRET, PATH, QUERY) == SIG
    made = signed_query(SECRET, PATH, {"sub1": "blog"}, key_id="k1", expires=1_795_305_600)
    assert made.encode() == SIGNED
    assert verdict(PATH, SIGNED, KEYS, END - DAY) == ""


def test_a_link_runs_until_its_last_second():
    assert verdict(PATH, SIGNED, KEYS, END) == ""
    assert verdict(PATH, SIGNED, KEYS, END + timedelta(seconds=1)) == "link_expired"


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"sub1=blog",
        QUERY,
        QUERY + b"&sig=",
        b"sig=" + SIG.encode(),
        signed(b"sub1=blog&key=k1"),
        signed(b"sub1=blog&expires=1795305600"),
        signed(b"key=&expires=1795305600"),
        signed(b"keys=k1&xexpires=1795305600"),
    ],
)
def test_a_link_without_all_parts_is_not_signed(query):
    assert verdict(PATH, query, KEYS, END - DAY) == "signature_missing"


@pytest.mark.parametrize("keys", [{}, {"K1": Key()}, {"k1": Key(ends=END - DAY)}])
def test_a_key_that_is_not_there_or_has_ended_signs_nothing(keys):
    assert verdict(PATH, SIGNED, keys, END - DAY) == "signature_key_unknown"


def test_an_older_key_goes_on_beside_the_new_one():
    keys = {"k1": Key(), "k2": Key(secret=b"new")}
    assert verdict(PATH, SIGNED, keys, END - DAY) == ""
    renamed = SIGNED.replace(b"key=k1", b"key=k2")
    assert verdict(PATH, renamed, keys, END - DAY) == "signature_invalid"


@pytest.mark.parametrize(
    "query",
    [
        SIGNED.replace(b"blog", b"blag"),
        SIGNED.replace(b"1795305600", b"1895305600"),
        SIGNED + b"&sub2=x",
        SIGNED + b"0",
        SIGNED[:-1],
        b"sub2=x&" + SIGNED,
        QUERY + b"&sub2=x&sig=" + SIG.encode(),
        QUERY + b"&sig=" + SIG.upper().encode(),
        QUERY + b"&sig=\xff\xfe",
        QUERY + b"&sig=" + SIG.encode() + b"&sig=" + SIG.encode(),
    ],
)
def test_a_changed_link_is_found_out(query):
    assert verdict(PATH, query, KEYS, END - DAY) == "signature_invalid"


def test_a_signature_is_good_for_its_own_link_only():
    assert verdict("/c/abcdefghik", SIGNED, KEYS, END - DAY) == "signature_invalid"


@pytest.mark.parametrize("expires", [b"soon", b"-1", b"1e12", b"9" * 13, "٣".encode()])
def test_an_end_that_is_no_time_is_over(expires):
    query = signed(b"key=k1&expires=" + expires)
    assert verdict(PATH, query, KEYS, END - DAY) == "link_expired"


def test_a_forged_link_is_not_told_that_it_is_late():
    late = END + timedelta(hours=1)
    assert verdict(PATH, SIGNED.replace(b"blog", b"blag"), KEYS, late) == "signature_invalid"


@given(st.dictionaries(st.sampled_from(["sub1", "sub30", "source"]), st.text(min_size=1)))
def test_what_was_signed_is_what_the_click_is_told(params):
    params = {name: value for name, value in params.items() if value.isprintable()}
    query = signed_query(SECRET, PATH, params, key_id="k1", expires=1_795_305_600).encode()
    assert verdict(PATH, query, KEYS, END - DAY) == ""
    told = parse(query)
    assert {name: told.get(name) for name in params} == params
    assert (told["key"], told["expires"]) == ("k1", "1795305600")


@given(st.binary(max_size=60), st.integers(0, 255))
def test_nothing_that_anybody_sends_is_good_or_breaks(raw, byte):
    assert verdict(PATH, raw, KEYS, END - DAY) != ""
    place = byte % len(SIGNED)
    changed = SIGNED[:place] + bytes([SIGNED[place] ^ (byte or 1)]) + SIGNED[place + 1 :]
    assert verdict(PATH, changed, KEYS, END - DAY) != ""


def test_long_paths_are_not_remembered():
    """A code may be followed by as much as a request holds."""
    tracemalloc.start()
    try:
        for number in range(500):
            assert verdict(f"{PATH}{number:010000}", SIGNED, KEYS, END) == "signature_invalid"
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000


@pytest.mark.parametrize(("kind", "program"), [("python", sys.executable), ("sh", "bash")])
def test_the_programs_of_the_page_on_links_sign_the_example(kind, program):
    page = (ROOT / "docs" / "links.md").read_text()
    lines = re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1]
    if "openssl" in lines and shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    done = subprocess.run([program, "-c", lines], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{PATH}?{SIGNED.decode()}"
    assert done.stdout.strip() in page
