"""The demo network: every state is there, books are clean, keys work, and it is made once."""

import json
import stat
import subprocess
import sys
from collections import Counter
from io import StringIO
from ipaddress import ip_address, ip_network

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from partners.models import Application, Cap, Link, Offer, PayeeMethod, SmartLink, User
from payouts import commissions, verify
from payouts.demo import cast
from payouts.models import Commission, PayoutRun
from tests.cast import QUICK_HASHERS, api_client
from tests.running import ROOT
from tracking.clicks import repeats
from tracking.models import Click, Conversion, Event, Handoff


@pytest.fixture(scope="module")
def demo(databases, django_db_blocker, tmp_path_factory):
    """The state directory of a demo network in a database of its own."""
    state = tmp_path_factory.mktemp("state")
    with (
        django_db_blocker.unblock(),
        pytest.MonkeyPatch.context() as patch,
        # Many people are made and sign in, and nothing here looks at a hash.
        override_settings(PASSWORD_HASHERS=QUICK_HASHERS),
    ):
        patch.setattr("django.conf.settings.STATE_DIR", state)
        databases.clone("demo")
        call_command("seed_demo")
        yield state
        databases.use("test")
        databases.drop("demo")


def test_the_cast_is_complete(demo):
    assert len(cast.ADVERTISERS) == 3
    assert len(cast.AFFILIATES) == 12
    assert len(cast.FINANCE) == 2
    assert User.objects.count() == 18


def test_offers_show_every_visibility_and_state(demo):
    assert set(Offer.objects.values_list("visibility", flat=True)) == {
        "public", "approval", "private",
    }  # fmt: skip
    assert set(Offer.objects.values_list("status", flat=True)) == {"active", "paused"}
    assert set(Application.objects.values_list("status", flat=True)) == {
        "pending", "approved", "rejected", "revoked",
    }  # fmt: skip


def test_one_offer_has_several_pages_and_takes_links_deeper(demo):
    offer = Offer.objects.get(landings__name="Short form")
    assert list(offer.landings.values_list("weight", flat=True)) == [70, 30]
    assert (offer.deep_link_hosts, set(offer.utm)) == (
        ["lumen.example"],
        {"utm_source", "utm_campaign"},
    )


def test_a_smart_link_is_there_to_look_at(demo):
    link = SmartLink.objects.get()
    assert (link.affiliate.code, link.strategy, link.choices.count()) == ("alma", "learned", 3)


def test_conversions_are_in_every_state_and_rejected_for_several_reasons(demo):
    states = set(Conversion.objects.values_list("status", flat=True))
    assert states >= {"pending", "approved", "rejected", "reversed", "unfunded"}
    reasons = Event.objects.filter(new="rejected").values_list("reason", flat=True)
    assert set(reasons) >= {"ctit_min", "existing_customer", "invalid_data", "other_channel"}
    assert Event.objects.filter(old="pending", new="pending").exists(), "nothing went to review"
    assert Event.objects.filter(old="approved", new="approved").exists(), "no partial reversal"


def test_clicks_fail_for_several_reasons(demo):
    reasons = Counter(Click.objects.values_list("reason", flat=True))
    assert set(reasons) >= {"ok", "link_unknown", "offer_inactive", "not_approved"}
    assert reasons["ok"] > 20_000
    # What an offer's targeting refuses, and what a cap did.
    assert reasons["geo_country"] > 50
    assert reasons["bot"] > 5
    assert 100 < reasons["cap_offer"] < reasons["ok"] / 10


def test_visitors_have_a_country_and_some_are_no_people(demo):
    countries = Counter(Click.objects.values_list("country", flat=True))
    assert len(countries) > 15
    assert not {None, ""} & set(countries)
    marks = Counter(mark for row in Click.objects.exclude(marks=None) for mark in row.marks)
    assert set(marks) == {"bot", "bot_suspected", "datacentre", "prefetch"}
    assert 200 < max(marks.values()) < Click.objects.count() / 10
    people = Conversion.objects.values_list("click_id", flat=True)
    assert not Click.objects.filter(id__in=people, marks__overlap=["bot", "prefetch"]).exists()


def test_addresses_are_those_of_documentation(demo):
    networks = [ip_network(text) for text in ("198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
    found = set(Click.objects.values_list("ip", flat=True))
    assert len(found) > 500
    assert not [ip for ip in found if not any(ip_address(ip) in each for each in networks)]


def test_some_visitors_come_again_on_the_same_day(demo):
    good = Click.objects.filter(reason="ok").annotate(repeat=repeats.is_repeat())
    found = Counter(good.values_list("repeat", flat=True))
    assert 0.04 < found[True] / found.total() < 0.2
    # The sweep leaves the last seconds to its next run.
    assert found[None] < 10


def test_a_cap_holds_and_its_counters_equal_the_clicks(demo):
    cap = Cap.objects.get()
    good = Click.objects.filter(offer_id=cap.offer_id, reason="ok")
    days = Counter(ts.date() for ts in good.values_list("ts", flat=True))
    windows = {window.starts_at.date(): window for window in cap.windows.all()}
    assert {day: window.used for day, window in windows.items()} == days
    full = {day for day, window in windows.items() if window.used == cap.limit_count}
    refused = Click.objects.filter(reason="cap_offer").values_list("ts", flat=True)
    assert {ts.date() for ts in refused} <= full
    assert 5 < len(full) < len(windows)
    assert all(windows[day].alerted_at for day in full)


def test_nothing_happens_after_the_present_and_clicks_lie_in_their_partitions(demo):
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(ts) <= now(), count(DISTINCT ts::date) FROM click")
        assert cursor.fetchone()[0] is True
        cursor.execute("SELECT count(*) FROM click_default")
        assert cursor.fetchone() == (0,)


def test_commissions_are_in_every_state(demo):
    found = commissions.with_state(Commission.objects.all())
    states = set(found.values_list("state", flat=True))
    assert states >= {"held", "payable", "in_payout", "paid"}
    assert not Handoff.objects.exists()


def test_one_run_is_settled_and_one_waits_for_its_second_person(demo):
    settled, waiting = PayoutRun.objects.order_by("pk")
    assert (settled.state, waiting.state) == ("done", "locked")
    assert waiting.maker.email == cast.FINANCE[0].email
    assert waiting.skips.filter(reason="no_payee_method").exists()
    assert PayeeMethod.objects.count() == 11


def test_the_books_are_clean(demo):
    assert [finding for finding in verify.verify() if finding.rows] == []


def test_the_keys_in_the_file_work_and_only_its_owner_reads_it(demo):
    path = demo / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = json.loads(path.read_text())["keys"]
    roles = {name: api_client(key).get("/api/v1/me").json()["role"] for name, key in keys.items()}
    assert roles == {
        "operator": "operator", "advertiser": "advertiser", "affiliate": "affiliate",
        "finance": "finance", "finance2": "finance",
    }  # fmt: skip


def test_the_file_says_whose_link_it_is_and_where_it_leads(demo):
    told = json.loads((demo / "demo.json").read_text())["links"]
    ((name, address),) = told.items()
    link = Link.objects.get(code=address.rpartition("/c/")[2])
    assert name == f"{link.affiliate.name}, to {link.offer.name}"


def test_people_sign_in_with_the_password_in_the_file(demo):
    for login in json.loads((demo / "demo.json").read_text())["logins"]:
        answer = api_client("").post(
            "/api/v1/session", {"email": login["email"], "password": login["password"]},
            headers={"authorization": ""},
        )  # fmt: skip
        assert answer.json()["role"] == login["role"]


def test_a_second_call_changes_nothing_and_says_so(demo, capsys):
    before = Conversion.objects.count(), Click.objects.count()
    (demo / "demo.json").unlink()
    call_command("seed_demo")
    assert "already" in capsys.readouterr().out
    assert (Conversion.objects.count(), Click.objects.count()) == before
    assert (demo / "demo.json").exists()


def test_production_has_no_place_for_keys_that_everybody_knows(settings):
    settings.MODE = "production"
    with pytest.raises(CommandError, match="production"):
        call_command("seed_demo", stdout=StringIO())


# Last in this file, because it takes another database into use.
def test_one_that_is_killed_half_way_has_left_nothing(fresh_db, tmp_path):
    seeding = subprocess.Popen(
        [sys.executable, "manage.py", "seed_demo"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=fresh_db.environment | {"STATE_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    with seeding:
        assert any("clicks" in line for line in seeding.stdout), "it never began"
        seeding.kill()
    assert not User.objects.exists()
    assert not Click.objects.exists()
    assert not (tmp_path / "demo.json").exists()
