"""The bank file: valid by the bank's schema, the same every time, nothing cut in silence."""

from datetime import UTC, date, datetime
from importlib.resources import as_file, files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from network.money import Money
from partners.letters import PayeeUnfit, latin
from payouts import bank
from payouts.bank import DebtorNotSet
from payouts.rails.base import Order, Payment
from payouts.rails.sepa import NAMESPACE, SepaCreditTransfer
from tests.payouts.earning import IBANS

RAIL = SepaCreditTransfer()
FILES = 200
NS = {"p": NAMESPACE}


@pytest.fixture(scope="module")
def schema():
    """The schema that sepaxml ships, read by lxml."""
    with as_file(files("sepaxml") / "schemas" / "pain.001.001.09.xsd") as path:
        return etree.XMLSchema(etree.parse(path))


def payment(**fields):
    given = {
        "end_to_end_id": "PO1A1",
        "amount_minor": 1_234,
        "holder": "Ada Lovelace",
        "iban": IBANS[0],
        "country": "DE",
        "town": "Berlin",
        "remittance": "Payout 1 of run 1",
    }
    return Payment(**(given | fields))


def order(*payments):
    return Order(
        msg_id="PA-RUN-1",
        currency="EUR",
        created_at=datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC),
        execute_on=date(2026, 11, 23),
        payments=payments,
    )


def text(content, path):
    return [each.text for each in etree.fromstring(content).iterfind(f".//{path}", NS)]


def test_a_file_says_who_gets_what(schema):
    content = RAIL.render(order(payment(), payment(end_to_end_id="PO2A1", amount_minor=66)))
    schema.assertValid(etree.fromstring(content))
    assert text(content, "p:EndToEndId") == ["PO1A1", "PO2A1"]
    assert text(content, "p:InstdAmt") == ["12.34", "0.66"]
    assert text(content, "p:CtrlSum") == ["13.00", "13.00"]
    assert text(content, "p:NbOfTxs") == ["2", "2"]
    assert text(content, "p:ChrgBr") == ["SLEV"]
    assert text(content, "p:MsgId") == ["PA-RUN-1"]


def test_the_same_order_gives_the_same_bytes():
    assert RAIL.render(order(payment())) == RAIL.render(order(payment()))


def test_an_address_is_structured_or_absent():
    content = RAIL.render(order(payment(), payment(town="")))
    assert text(content, "p:PstlAdr/p:TwnNm") == ["Berlin"]
    assert text(content, "p:PstlAdr/p:Ctry") == ["DE"]
    assert text(content, "p:AdrLine") == []


def test_our_bank_is_named_where_it_is_known(settings, schema):
    settings.DEBTOR_BIC = "COBADEFFXXX"
    content = RAIL.render(order(payment()))
    schema.assertValid(etree.fromstring(content))
    assert text(content, "p:BICFI") == ["COBADEFFXXX"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DEBTOR_NAME", ""),
        ("DEBTOR_NAME", "Сеть"),
        ("DEBTOR_IBAN", ""),
        ("DEBTOR_IBAN", "DE89370400440532013001"),
        ("DEBTOR_BIC", "NOBANK"),
    ],
)
def test_without_a_good_account_of_ours_there_is_no_file(settings, setting, value):
    setattr(settings, setting, value)
    with pytest.raises(DebtorNotSet):
        RAIL.render(order(payment()))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Łukasz Żółć", "Lukasz Zolc"),
        ("Nguyễn Thị Ánh", "Nguyen Thi Anh"),
        ("Björn Weiß & Söhne", "Bjorn Weiss + Sohne"),
        ("D’Arcy – O'Neil", "D'Arcy - O'Neil"),
        ("a_b", "a-b"),
        ("  two   spaces ", "two spaces"),
        ("Владимир", None),
        ("山田", None),
        ("semi;colon", None),
    ],
)
def test_names_are_written_in_the_letters_of_the_bank(name, written):
    assert latin(name) == written


@pytest.mark.parametrize(
    "fields",
    [{"holder": "Владимир"}, {"holder": ""}, {"holder": "ß" * 36}, {"town": "山"}],
)
def test_what_cannot_be_written_whole_is_refused(fields):
    with pytest.raises(PayeeUnfit):
        RAIL.render(order(payment(**fields)))


def test_an_account_outside_sepa_is_refused():
    with pytest.raises(PayeeUnfit):
        RAIL.check_payee(holder="Ada", town="", iban="UA213223130000026007233566001")


def test_a_bank_works_from_monday_to_friday():
    friday = date(2026, 11, 20)
    assert bank.next_working_day(friday) == date(2026, 11, 23)
    assert bank.next_working_day(date(2026, 11, 23)) == date(2026, 11, 24)


LETTERS = st.text(
    st.sampled_from("abcXYZ019 /?:().,'+-äöüßéèñçÅØŁđ&_’–"), min_size=1, max_size=35
).filter(lambda name: bool(latin(name)))
PAYMENTS = st.builds(
    payment,
    end_to_end_id=st.integers(1, 10**18).map(lambda id: f"PO{id}A1"),
    amount_minor=st.integers(1, 99_999_999_999),
    holder=LETTERS,
    town=LETTERS.filter(lambda town: len(latin(town) or "") <= 35) | st.just(""),
    iban=st.sampled_from(IBANS),
)


@settings(
    max_examples=FILES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(payments=st.lists(PAYMENTS, min_size=1, max_size=8))
def test_every_file_is_valid_and_its_sums_are_right(schema, payments):
    content = RAIL.render(order(*payments))
    schema.assertValid(etree.fromstring(content))
    assert content == RAIL.render(order(*payments))
    total = sum(Money.parse(amount, "EUR").micros for amount in text(content, "p:InstdAmt"))
    assert text(content, "p:CtrlSum") == [Money(total, "EUR").text()] * 2
    assert text(content, "p:NbOfTxs") == [str(len(payments))] * 2
    assert all(len(id) <= 35 and "_" not in id for id in text(content, "p:EndToEndId"))
    assert [latin(each.holder) for each in payments] == text(content, "p:Cdtr/p:Nm")
