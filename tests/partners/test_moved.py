"""Ids of other platforms: brought in whole or not at all, as often as one likes."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from network.errors import BadInput
from partners import moved
from partners.models import ConfigVersion, ExternalId, Landing
from partners.moved import Counts, NewId
from tests import factories

URL = "/api/v1/external-ids"


@pytest.fixture
def offer(db):
    return factories.make_offer()


@pytest.fixture
def alice_row(db):
    return NewId(kind="affiliate", external_id="2002", code=factories.make_affiliate("alice").code)


def offer_row(offer, external_id="1001"):
    return NewId(kind="offer", external_id=external_id, internal_id=str(offer.pk))


def meanings():
    rows = ExternalId.objects.values_list("dialect", "kind", "external_id", "internal_id")
    return sorted(rows)


def faults(error):
    return [(fault.pointer, fault.code) for fault in error.value.errors]


def test_ids_of_every_kind_come_in(offer, alice_row):
    goal = offer.goals.get()
    page = Landing.objects.create(
        offer=offer, name="B", url="https://shop.example/b", created_at=factories.EVER
    )
    rows = [
        offer_row(offer),
        alice_row,
        NewId(kind="landing", external_id="112", internal_id=str(page.pk)),
        NewId(kind="goal", external_id="23", internal_id=str(goal.pk)),
    ]
    assert moved.import_ids(rows, "tune") == Counts(added=4, same=0, replaced=0)
    assert [row[1:3] for row in meanings()] == [
        ("affiliate", "2002"),
        ("goal", "23"),
        ("landing", "112"),
        ("offer", "1001"),
    ]
    assert ExternalId.objects.get(kind="landing").internal_id == page.pk


def test_the_same_rows_again_change_nothing(offer, alice_row):
    rows = [offer_row(offer), alice_row, offer_row(offer)]
    assert moved.import_ids(rows, "tune") == Counts(added=2, same=0, replaced=0)
    before, version = meanings(), ConfigVersion.objects.get().version
    assert moved.import_ids(rows, "tune") == Counts(added=0, same=2, replaced=0)
    assert (meanings(), ConfigVersion.objects.get().version) == (before, version)


def test_an_import_rings_the_trackers_bell_for_all_rows_together(offer):
    version = ConfigVersion.objects.get().version
    moved.import_ids([offer_row(offer, str(number)) for number in range(100)], "tune")
    # A statement that inserts or updates may count as both.
    assert version < ConfigVersion.objects.get().version <= version + 2


def test_platforms_do_not_know_each_others_ids(offer):
    other = factories.make_offer()
    moved.import_ids([offer_row(offer)], "tune")
    moved.import_ids([offer_row(other)], "affise")
    assert meanings() == [
        ("affise", "offer", "1001", other.pk),
        ("tune", "offer", "1001", offer.pk),
    ]


def test_another_meaning_is_refused_unless_it_is_wanted(offer):
    moved.import_ids([offer_row(offer)], "tune")
    other = factories.make_offer()
    rows = [offer_row(offer, "7"), offer_row(other)]
    with pytest.raises(BadInput) as error:
        moved.import_ids(rows, "tune")
    assert faults(error) == [("/rows/1/external_id", "external_id_taken")]
    assert f"offer {offer.pk} already" in error.value.errors[0].detail
    assert meanings() == [("tune", "offer", "1001", offer.pk)]
    assert moved.import_ids(rows, "tune", replace=True) == Counts(added=1, same=0, replaced=1)
    assert meanings() == [("tune", "offer", "1001", other.pk), ("tune", "offer", "7", offer.pk)]


def test_every_fault_is_listed_and_nothing_is_taken(offer, alice_row):
    other = factories.make_offer()
    rows = [
        offer_row(offer, "good"),
        NewId(kind="campaign", external_id="1", internal_id="1"),
        NewId(kind="offer", external_id="", internal_id=str(offer.pk)),
        NewId(kind="offer", external_id="x" * 65, internal_id=str(offer.pk)),
        NewId(kind="offer", external_id="a\x00b", internal_id=str(offer.pk)),
        NewId(kind="offer", external_id="5"),
        NewId(kind="affiliate", external_id="5", internal_id="1", code="alice"),
        NewId(kind="offer", external_id="5", code="alice"),
        NewId(kind="affiliate", external_id="5", code="nobody"),
        NewId(kind="affiliate", external_id="5", code="a\x00"),
        NewId(kind="offer", external_id="5", internal_id="-1"),
        NewId(kind="offer", external_id="5", internal_id="٣"),
        NewId(kind="offer", external_id="5", internal_id="9" * 5_000),
        NewId(kind="goal", external_id="5", internal_id="999999"),
        NewId(kind="landing", external_id="5", internal_id=str(2**63 - 1)),
        offer_row(other, "good"),
    ]
    with pytest.raises(BadInput) as error:
        moved.import_ids(rows, "tune")
    assert faults(error) == [
        ("/rows/1/kind", "invalid"),
        ("/rows/2/external_id", "invalid"),
        ("/rows/3/external_id", "invalid"),
        ("/rows/4/external_id", "invalid"),
        ("/rows/5/internal_id", "no_internal_id"),
        ("/rows/6/internal_id", "no_internal_id"),
        ("/rows/7/code", "invalid"),
        ("/rows/8/code", "unknown_affiliate"),
        ("/rows/9/code", "unknown_affiliate"),
        ("/rows/10/internal_id", "invalid"),
        ("/rows/11/internal_id", "invalid"),
        ("/rows/12/internal_id", "invalid"),
        ("/rows/13/internal_id", "unknown_goal"),
        ("/rows/14/internal_id", "unknown_landing"),
        ("/rows/15/external_id", "external_id_twice"),
    ]
    assert meanings() == []


def test_an_import_has_a_bound(offer, monkeypatch):
    monkeypatch.setattr(moved, "ROWS_MAX", 2)
    with pytest.raises(BadInput) as error:
        moved.import_ids([offer_row(offer, str(number)) for number in range(3)], "tune")
    assert error.value.code == "too_many_rows"
    with pytest.raises(BadInput) as error:
        moved.read_csv(["kind,external_id,code\n", *["affiliate,1,a\n"] * 3])
    assert error.value.code == "too_many_rows"


def test_imports_at_the_same_time_take_turns(fresh_db):
    offers = [factories.make_offer() for _ in range(2)]
    refused = []

    def bring_in(offer):
        rows = [offer_row(offer, str(number)) for number in range(300)]
        try:
            return moved.import_ids(rows, "tune").added
        except BadInput as error:
            refused.append(error.errors[0].code)
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(bring_in, offers * 3))
    assert sum(added) == 300
    assert len(refused) == 3
    assert set(refused) == {"external_id_taken"}
    assert len({row[3] for row in meanings()}) == 1


# --- CSV


@pytest.mark.parametrize(
    "text",
    [
        "kind,external_id,code\naffiliate,2002,alice\n",
        "code,kind,external_id\r\nalice,affiliate,2002\r\n",
        ' kind , external_id,code\n\n"affiliate", 2002 ,"alice"\n , , \n',
        "kind,external_id,internal_id,code\naffiliate,2002,,alice",
    ],
)
def test_columns_come_in_any_order_and_blanks_do_not_matter(text):
    (row,) = moved.read_csv(text.splitlines(keepends=True)).values()
    assert row == NewId(kind="affiliate", external_id="2002", code="alice")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "columns_invalid", "kind, external_id"),
        ("kind,external_id\n", "columns_invalid", ""),
        ("kind,external_id,code,code\n", "columns_invalid", ""),
        ("kind,external_id,colour\n", "columns_invalid", ""),
        ("offer,1,2\n", "columns_invalid", ""),
        ("kind,external_id,code\na,b\nx,y,z\na,b,c,d\n", "columns_invalid", "line 2, 4."),
        ('kind,external_id,code\na,b,"c\n', "invalid", "Line 2"),
    ],
)
def test_what_is_no_such_table_is_refused(text, code, words):
    with pytest.raises(BadInput) as error:
        moved.read_csv(text.splitlines(keepends=True))
    assert error.value.code == code
    assert words in error.value.detail


def imported(file, *options):
    out = StringIO()
    call_command("import_ids", "--dialect", "tune", str(file), *options, stdout=out)
    return out.getvalue()


def test_the_command_tells_what_it_did(tmp_path, offer, alice_row):
    file = tmp_path / "ids.csv"
    file.write_text(
        f"\ufeffkind,external_id,internal_id,code\noffer,1001,{offer.pk},\naffiliate,2002,,alice\n",
        encoding="utf-8",
    )
    assert imported(file) == "tune: 2 added, 0 there already, 0 replaced\n"
    assert imported(file, "--replace") == "tune: 0 added, 2 there already, 0 replaced\n"


def test_the_command_names_every_line_with_a_fault(tmp_path, offer):
    file = tmp_path / "ids.csv"
    file.write_text(f"kind,external_id,internal_id\n\noffer,1001,{offer.pk}\noffer,7,0\nsite,8,1\n")
    with pytest.raises(CommandError) as error:
        imported(file)
    assert str(error.value).splitlines() == [
        "Nothing is imported: 2 faults.",
        "line 4: internal_id: There is no offer 0. (unknown_offer)",
        "line 5: kind: A kind is one of offer, affiliate, landing, goal. (invalid)",
    ]
    assert meanings() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"\xff\xfe", "cannot be read"), (b"a,b\n", "(columns_invalid)")],
)
def test_the_command_says_what_it_cannot_read(tmp_path, content, words):
    file = tmp_path / "ids.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CommandError) as error:
        imported(file)
    assert words in str(error.value)


# --- API


def test_the_operator_imports_lists_and_forgets(olga, offer, alice_row):
    body = {
        "dialect": "scaleo",
        "rows": [
            {"kind": "offer", "external_id": "16", "internal_id": offer.pk},
            {"kind": "affiliate", "external_id": "1", "code": "alice"},
        ],
    }
    answer = olga.api.post(f"{URL}/import", body)
    assert (answer.status_code, answer.json()) == (200, {"added": 2, "same": 0, "replaced": 0})
    assert olga.api.post(f"{URL}/import", body).json()["same"] == 2
    (row,) = olga.api.get(URL, {"dialect": "scaleo", "kind": "offer"}).json()["results"]
    assert (row["external_id"], row["internal_id"]) == ("16", offer.pk)
    assert olga.api.get(URL, {"internal_id": offer.pk, "external_id": "1"}).json()["results"] == []
    assert olga.api.delete(f"{URL}/{row['id']}").status_code == 204
    assert [row[1] for row in meanings()] == ["affiliate"]


def test_faults_of_an_import_name_their_rows(olga, offer):
    good = {"kind": "offer", "external_id": "16", "internal_id": offer.pk}
    rows = [good, good | {"internal_id": 0}, good | {"kind": "site"}, {"kind": "offer"}]
    answer = olga.api.post(f"{URL}/import", {"dialect": "tune", "rows": rows})
    pointers = [fault["pointer"] for fault in answer.json()["errors"]]
    assert answer.status_code == 422
    assert pointers == ["/rows/1/internal_id", "/rows/2/kind", "/rows/3/external_id"]
    answer = olga.api.post(
        f"{URL}/import", {"dialect": "tune", "rows": [good, good | {"internal_id": 10**9}]}
    )
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/rows/1/internal_id", "unknown_offer")
    assert meanings() == []


def test_ten_thousand_ids_are_imported_at_once(olga, offer):
    rows = [
        {"kind": "offer", "external_id": str(number), "internal_id": offer.pk}
        for number in range(10_001)
    ]
    body = {"dialect": "cake", "rows": rows}
    assert olga.api.post(f"{URL}/import", body).status_code == 422
    rows.pop()
    assert olga.api.post(f"{URL}/import", body).json()["added"] == 10_000
