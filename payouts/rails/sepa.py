"""SEPA credit transfers as a pain.001.001.09 file: one debtor, one day, euro.

Written by hand because a file must come out the same, byte for byte, from the same order: libraries
draw a new message id and time for every build, and cut names in silence.
"""

from functools import cache
from typing import Final

from django.conf import settings
from lxml import etree
from schwifty import BIC, IBAN, registry
from schwifty.exceptions import SchwiftyException

from network.money import Money
from partners.letters import NAME_MAX, TOWN_MAX, PayeeUnfit, latin, written
from payouts.bank import DebtorNotSet
from payouts.rails.base import Order, Payment

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
CURRENCY: Final = "EUR"
REMITTANCE_MAX: Final = 140


class SepaCreditTransfer:
    """The rail for euro to the countries of SEPA, by a file that finance uploads to the bank."""

    format = "pain.001.001.09"
    content_type = "application/xml"
    extension = "xml"
    currencies = frozenset({CURRENCY})

    def check_debtor(self) -> None:
        """DebtorNotSet unless DEBTOR_NAME and DEBTOR_IBAN (and DEBTOR_BIC, if set) are good."""
        try:
            IBAN(settings.DEBTOR_IBAN)
            if settings.DEBTOR_BIC:
                BIC(settings.DEBTOR_BIC)
        except SchwiftyException:
            # Without the library's words and chain: they quote the number.
            raise DebtorNotSet() from None
        if not settings.DEBTOR_NAME or latin(settings.DEBTOR_NAME) is None:
            raise DebtorNotSet()

    def check_payee(self, *, holder: str, town: str, iban: str) -> None:
        """PayeeUnfit for an account outside SEPA, or a name or town in other than Latin letters."""
        if not _in_sepa(iban[:2]):
            raise PayeeUnfit("the account is outside SEPA")
        written(holder, NAME_MAX)
        if town:
            written(town, TOWN_MAX)

    def render(self, order: Order) -> bytes:
        """The file; the same order gives the same bytes. PayeeUnfit or DebtorNotSet as above."""
        self.check_debtor()
        document = etree.Element(f"{{{NAMESPACE}}}Document", nsmap={None: NAMESPACE})
        initiation = _inside(document, "CstmrCdtTrfInitn")
        _header(initiation, order)
        _payments(initiation, order)
        content: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8")
        return content


def _header(initiation: etree._Element, order: Order) -> None:
    header = _inside(initiation, "GrpHdr")
    _inside(header, "MsgId", order.msg_id)
    _inside(header, "CreDtTm", order.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    _totals(header, order)
    _path(header, "InitgPty", "Nm").text = written(settings.DEBTOR_NAME, NAME_MAX)


def _payments(initiation: etree._Element, order: Order) -> None:
    block = _inside(initiation, "PmtInf")
    _inside(block, "PmtInfId", order.msg_id)
    _inside(block, "PmtMtd", "TRF")
    # Each payout is a booking of its own on the statement, so each settles by itself.
    _inside(block, "BtchBookg", "false")
    _totals(block, order)
    _path(block, "PmtTpInf", "SvcLvl", "Cd").text = "SEPA"
    _path(block, "ReqdExctnDt", "Dt").text = order.execute_on.isoformat()
    _path(block, "Dbtr", "Nm").text = written(settings.DEBTOR_NAME, NAME_MAX)
    _path(block, "DbtrAcct", "Id", "IBAN").text = IBAN(settings.DEBTOR_IBAN).compact
    agent = _path(block, "DbtrAgt", "FinInstnId")
    if settings.DEBTOR_BIC:
        _inside(agent, "BICFI", BIC(settings.DEBTOR_BIC).compact)
    else:
        _path(agent, "Othr", "Id").text = "NOTPROVIDED"
    _inside(block, "ChrgBr", "SLEV")
    for payment in order.payments:
        _transfer(block, payment)


def _transfer(block: etree._Element, payment: Payment) -> None:
    transfer = _inside(block, "CdtTrfTxInf")
    _path(transfer, "PmtId", "EndToEndId").text = payment.end_to_end_id
    amount = _path(transfer, "Amt", "InstdAmt")
    amount.set("Ccy", CURRENCY)
    amount.text = _decimal(payment.amount_minor)
    creditor = _inside(transfer, "Cdtr")
    _inside(creditor, "Nm", written(payment.holder, NAME_MAX))
    if payment.town:
        # An address is structured or absent: banks refuse loose lines since November 2026.
        address = _inside(creditor, "PstlAdr")
        _inside(address, "TwnNm", written(payment.town, TOWN_MAX))
        _inside(address, "Ctry", payment.country)
    _path(transfer, "CdtrAcct", "Id", "IBAN").text = payment.iban
    _path(transfer, "RmtInf", "Ustrd").text = written(payment.remittance, REMITTANCE_MAX)


def _totals(parent: etree._Element, order: Order) -> None:
    _inside(parent, "NbOfTxs", str(len(order.payments)))
    _inside(parent, "CtrlSum", _decimal(order.total_minor))


def _decimal(minor: int) -> str:
    return Money.from_minor(minor, CURRENCY).text()


def _inside(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    child.text = text
    return child


def _path(parent: etree._Element, *names: str) -> etree._Element:
    for name in names:
        parent = _inside(parent, name)
    return parent


@cache
def _in_sepa(country: str) -> bool:
    return bool(registry.get_iban_spec(country).in_sepa_zone)
