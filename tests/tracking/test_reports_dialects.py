"""Reports in the form of the platform they used to go to: TUNE's `/aff_lsr`."""

import asyncio
from types import SimpleNamespace
from urllib.parse import urlencode

import psycopg
import pytest

from network.errors import Malformed, Unauthenticated
from network.ids import uuid7
from partners.models import Advertiser
from tests import factories
from tests.running import ROOT
from tests.tracking.rows import make_click
from tests.tracking.trackers import tell
from tracking import schema
from tracking.clicks import ids
from tracking.conversions import message
from tracking.conversions.dialects import TUNE
from tracking.models import Conversion, Report

FORM = {"content_type": "application/x-www-form-urlencoded"}
TAKEN = b"success=true;"


@pytest.fixture
def offer(fresh_db):
    """Of an advertiser who reports with the token `token-of-acme`; TUNE called it 26."""
    offer = factories.make_offer(factories.make_advertiser("acme"))
    factories.fund(offer.advertiser)
    factories.make_external_id(offer, "26")
    return offer


@pytest.fixture
def click(offer):
    return ids.mint(make_click(factories.make_link(offer)).id)


def path(**fields):
    return f"/aff_lsr?{urlencode({name: said for name, said in fields.items() if said != ''})}"


def by_code(click, **fields):
    """A report that names our advertiser, since it names no offer."""
    given = {"advertiser": "acme", "transaction_id": click, "security_token": "token-of-acme"}
    return path(**(given | {"adv_sub": "1001", "amount": "49.90"} | fields))


def by_offer(click, **fields):
    """A report as TUNE's own pages have it."""
    return by_code(click, **({"advertiser": "", "offer_id": "26"} | fields))


def get(fresh_db, *paths):
    async def story(visitor):
        return [await visitor.get(each) for each in paths]

    return tell(fresh_db.url, story)


def test_a_report_is_taken_and_answered_as_its_sender_expects(fresh_db, click):
    (answer,) = get(fresh_db, by_code(click))
    assert (answer.status, answer.body) == (200, TAKEN)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    report, conversion = Report.objects.get(), Conversion.objects.get()
    assert answer.headers["x-request-id"] == str(report.pk)
    assert (conversion.order_ref, conversion.sale_micros) == ("1001", 49_900_000)
    assert (conversion.currency, conversion.status) == ("EUR", "pending")
    assert "token-of-acme" not in report.query
    assert "security_token=[hidden]" in report.query


def test_the_advertiser_is_whose_the_offer_is(fresh_db, click):
    (answer,) = get(fresh_db, by_offer(click))
    assert (answer.status, answer.body) == (200, TAKEN)
    assert Conversion.objects.get().order_ref == "1001"


def test_an_id_that_moved_a_moment_ago_is_known(fresh_db, click, offer):
    async def story(visitor):
        early = await visitor.get(by_offer(click, offer_id="27"))
        await asyncio.to_thread(_move_elsewhere, fresh_db, offer, "27")
        return early, await visitor.get(by_offer(click, offer_id="27"))

    early, late = tell(fresh_db.url, story)
    assert early.body.startswith(b"success=false; err_msg=unknown_advertiser: ")
    assert late.body == TAKEN


def test_an_id_of_ours_is_not_theirs(fresh_db, click, offer):
    (answer,) = get(fresh_db, by_offer(click, offer_id=str(offer.pk)))
    assert answer.body.startswith(b"success=false; err_msg=unknown_advertiser: ")
    assert not Report.objects.exists()


def test_a_goal_is_named_by_our_code_or_by_their_number(fresh_db, click, offer):
    factories.make_external_id(factories.make_goal(offer, "lead"), "23")
    # Their number is another goal's here.
    factories.make_goal(offer, "third", pk=99)
    said = [
        ("lead", {"goal_id": "23"}),
        ("lead", {"goal_id": "99", "goal": "lead"}),
        ("sale", {}),
        ("sale", {"goal": "SALE"}),
        (None, {"goal_id": "99"}),
        (None, {"goal": "23"}),
    ]
    answers = get(
        fresh_db,
        *(by_offer(click, adv_sub=str(place), **fields) for place, (_, fields) in enumerate(said)),
    )
    for place, ((goal, _), answer) in enumerate(zip(said, answers, strict=True)):
        if goal is None:
            assert answer.body.startswith(b"success=false; err_msg=unknown_goal: ")
        else:
            assert answer.body == TAKEN
            assert Conversion.objects.get(order_ref=str(place)).goal.code == goal
    assert Report.objects.count() == len(said)


def test_the_same_order_again_is_one_conversion_and_no_reason_to_repeat(fresh_db, click):
    answers = get(fresh_db, by_code(click), by_code(click, amount="49.9000"), by_code(click))
    assert [answer.body for answer in answers] == [TAKEN] * 3
    assert Conversion.objects.count() == 1
    assert sorted(report.verdict for report in Report.objects.all()) == [
        "accepted",
        "duplicate",
        "duplicate",
    ]


def test_one_order_in_two_forms_is_one_conversion(fresh_db, click):
    own = by_code(click).replace("/aff_lsr", "/postback").replace("adv_sub", "order_id")
    own = own.replace("transaction_id", "click_id").replace("security_token", "token")
    moved, ours = get(fresh_db, by_code(click), own)
    assert (moved.body, ours.json["code"]) == (TAKEN, "duplicate")
    assert Conversion.objects.count() == 1


@pytest.mark.parametrize("dedupe", ["per_order", "every"])
def test_either_name_of_the_order_will_do(fresh_db, click, offer, dedupe):
    offer.goals.update(dedupe=dedupe)
    names = ("adv_sub", "adv_unique1")
    paths = [by_code(click, **({"adv_sub": ""} | {name: name})) for name in names]
    assert [answer.body for answer in get(fresh_db, *paths)] == [TAKEN, TAKEN]
    assert sorted(Conversion.objects.values_list("order_ref", flat=True)) == sorted(names)


def test_a_click_that_is_not_stored_yet_is_waited_for(fresh_db, offer):
    (answer,) = get(fresh_db, by_code(ids.mint(uuid7())))
    assert (answer.status, answer.body) == (200, TAKEN)
    assert Report.objects.get().verdict == "waiting"


def test_a_refusal_says_why_in_their_form(fresh_db, click):
    strangers = [
        ({"security_token": "token-of-rival"}, "bad_token"),
        ({"security_token": ""}, "bad_token"),
        ({"security_token": "", "token": "token-of-acme"}, "bad_token"),
        ({"advertiser": "nobody"}, "unknown_advertiser"),
        ({"advertiser": ""}, "unknown_advertiser"),
        ({"advertiser": "", "offer_id": "27"}, "unknown_advertiser"),
    ]
    faulty = [
        ({"transaction_id": "102f3b"}, "unknown_click"),
        ({"transaction_id": ""}, "unknown_click"),
        ({"adv_sub": ""}, "order_id_required"),
        ({"amount": "49,90"}, "amount_invalid"),
        ({"amount": "-1"}, "amount_invalid"),
        ({"currency": "USD"}, "currency_not_offers"),
        ({"goal_id": "23"}, "unknown_goal"),
        ({"goal_id": "x" * 500}, "malformed"),
    ]

    async def story(visitor):
        paths = [by_code(click, **fields) for fields, _ in (*strangers, *faulty)]
        return await asyncio.gather(*(visitor.get(path) for path in paths))

    answers = tell(fresh_db.url, story)
    for (_, code), answer in zip((*strangers, *faulty), answers, strict=True):
        assert answer.status == 200
        assert answer.body.startswith(f"success=false; err_msg={code}: ".encode())
        assert answer.body.endswith(b";")
        assert answer.body.count(b";") == 2
        assert "www-authenticate" not in answer.headers
    # Who is known is kept, with what is wrong.
    verdicts = Report.objects.values_list("verdict", "code")
    assert sorted(verdicts) == sorted(("refused", code) for _, code in faulty)
    assert not Conversion.objects.exists()


def test_a_signed_report_in_a_form_that_cannot_be_signed_is_refused(fresh_db, click):
    headers = {"peraction_signature": "0" * 64}
    answer = tell(fresh_db.url, lambda visitor: visitor.ask("GET", by_code(click), headers=headers))
    assert answer.body.startswith(b"success=false; err_msg=bad_signature: ")
    assert not Report.objects.exists()


def test_a_field_that_comes_twice_leaves_two_readings_and_is_refused(fresh_db, click):
    twice, broken = get(
        fresh_db, by_code(click) + "&adv_sub=2", by_code(click) + "&adv_unique1=K%E4se"
    )
    for answer in (twice, broken):
        assert (answer.status, answer.body.startswith(b"success=false; err_msg=malformed: ")) == (
            200,
            True,
        )
    assert not Report.objects.exists()


def test_who_signs_is_not_spoken_for_in_a_form_that_cannot_be_signed(fresh_db, click):
    Advertiser.objects.update(report_auth="hmac", report_token_digest="")
    (answer,) = get(fresh_db, by_code(click))
    assert answer.body.startswith(b"success=false; err_msg=bad_signature: ")
    assert not Report.objects.exists()


def test_a_report_may_be_posted_and_its_token_is_hidden(fresh_db, click):
    body = by_code(click).partition("?")[2].encode()
    answer = tell(
        fresh_db.url, lambda visitor: visitor.ask("POST", "/aff_lsr", headers=FORM, body=body)
    )
    assert (answer.status, answer.body) == (200, TAKEN)
    assert "token-of-acme" not in Report.objects.get().body


def test_what_is_no_report_at_all_has_its_own_status(fresh_db, click):
    async def story(visitor):
        return [
            await visitor.ask("PUT", "/aff_lsr"),
            await visitor.ask("POST", "/aff_lsr", headers=FORM, body=b"x=" + b"y" * 70_000),
            await visitor.get("/aff_lsr/"),
        ]

    put, large, elsewhere = tell(fresh_db.url, story)
    assert (put.status, put.headers["allow"]) == (405, "GET, POST")
    assert (large.status, large.body[:40]) == (200, b"success=false; err_msg=body_too_large: A")
    assert elsewhere.status == 404


def test_a_test_report_earns_nothing(fresh_db, click):
    (answer,) = get(fresh_db, by_code(click, test="1"))
    assert answer.body == TAKEN
    assert Conversion.objects.get().is_test


def test_a_word_that_may_mean_a_test_is_refused_here_too(fresh_db, click):
    (answer,) = get(fresh_db, by_code(click, test="yes"))
    assert answer.body.startswith(b"success=false; err_msg=malformed: `test` is ")
    assert not Conversion.objects.exists()


def _move_elsewhere(fresh_db, offer, external_id):
    """As another process does it."""
    with psycopg.connect(fresh_db.url) as connection:
        connection.execute(
            "INSERT INTO external_id (dialect, kind, external_id, internal_id, created_at)"
            " VALUES ('tune', 'offer', %s, %s, %s)",
            [external_id, offer.pk, factories.EVER],
        )


# --- in our words, without a database

ACME = SimpleNamespace(code="acme", report_auth="token")
CONFIGURATION = SimpleNamespace(
    advertisers={"acme": ACME},
    offers={
        5: SimpleNamespace(advertiser=ACME, goals={"lead": SimpleNamespace(id=9, code="lead")})
    },
    external={
        ("tune", "offer", "26"): 5,
        ("tune", "offer", "27"): 404,
        ("tune", "goal", "23"): 9,
        ("affise", "offer", "28"): 5,
        ("tune", "affiliate", "29"): 5,
    },
)


def in_our_words(query, body=b"", content_type=b"application/json"):
    said = message.read(
        method="POST",
        path="/aff_lsr",
        query=query.encode(),
        headers={b"content-type": content_type},
        body=body,
        names=TUNE.names,
    )
    fields = TUNE.ours(said, CONFIGURATION).fields
    return {name: value for name, value in fields.items() if value is not None}


def test_a_documented_report_is_said_in_our_words():
    said = (
        "offer_id=26&transaction_id=T&adv_sub=A&amount=1.5&goal_id=23&security_token=S&adv_sub2=x"
    )
    assert in_our_words(said + "&status=approved") == {
        "advertiser": "acme",
        "click_id": "T",
        "order_id": "A",
        "event_id": "A",
        "amount": "1.5",
        "goal": "lead",
        "token": "S",
    }


def test_json_says_it_too_and_numbers_are_ids():
    assert in_our_words("", b'{"offer_id": 26, "goal_id": 23, "adv_sub": 7}') == {
        "advertiser": "acme",
        "goal": "lead",
        "order_id": 7,
        "event_id": 7,
    }
    with pytest.raises(Malformed):
        in_our_words("adv_sub=1", b'{"adv_sub": "2"}')


@pytest.mark.parametrize("offer_id", ["", "5", "27", "28", "29", " ", "026"])
def test_what_is_not_in_the_table_names_nobody(offer_id):
    with pytest.raises(Unauthenticated) as error:
        in_our_words(f"offer_id={offer_id}")
    assert error.value.code == "unknown_advertiser"


@pytest.mark.parametrize(
    ("goal_id", "code"), [("23", "lead"), ("9", "tune:9"), ("lead", "tune:lead"), ("24", "tune:24")]
)
def test_a_goal_that_has_not_moved_is_nobodys(goal_id, code):
    assert in_our_words(f"offer_id=26&goal_id={goal_id}")["goal"] == code


def test_page_and_description_have_every_field_that_is_read():
    page = (ROOT / "docs" / "moving.md").read_text(encoding="utf-8")
    table = page.partition("## Reports")[2].partition("\n\n- ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name.strip(" `") for row in rows for name in row.split(",")} == set(TUNE.names)
    sent = schema.with_the_tracker({"paths": {}})["paths"]["/aff_lsr"]["get"]["parameters"]
    assert {each["name"] for each in sent} == set(TUNE.names)
