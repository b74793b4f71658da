"""The forms in which a report may come: our own, and that of the platform it used to go to.

A dialect gives the sender's names to our fields, says the rest in our words, and answers in its
own. From there on a report is a report, whoever's form it had.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from partners.snapshot import Offer, Snapshot
from tracking.conversions import signature
from tracking.conversions.answers import Answer
from tracking.conversions.message import OWN_NAMES, Message, Names
from tracking.conversions.refusals import BadSignature, UnknownAdvertiser
from tracking.responses import Header, Send, json, text


class Dialect(NamedTuple):
    """How a platform's reports are read and answered.

    `ours` says a message in our words, by the configuration of this moment; it raises what
    `authenticate` raises.
    """

    names: Names
    ours: Callable[[Message, Snapshot], Message]
    tell: Callable[[Send, Answer, Header], Awaitable[None]]


def _as_it_is(message: Message, snapshot: Snapshot) -> Message:
    return message


async def _tell_json(send: Send, answer: Answer, header: Header) -> None:
    await json(send, answer.status, answer.body, (header, *_headers(answer.status)))


OWN: Final = Dialect(OWN_NAMES, _as_it_is, _tell_json)

_TUNE: Final = "tune"
_TUNE_NAMES: Final[Names] = {
    "transaction_id": "click_id",
    "adv_sub": "order_id",
    "adv_unique1": "event_id",
    "amount": "amount",
    "currency": "currency",
    "goal": "goal",
    "goal_id": "goal_id",
    "offer_id": "offer_id",
    "security_token": "token",
    # Ours: a network that is told no offer can be told this instead, and try without earning.
    "advertiser": "advertiser",
    "test": "test",
}


def _of_tune(message: Message, snapshot: Snapshot) -> Message:
    """A report to TUNE as one to us.

    It names no advertiser: that is whose the offer is. UnknownAdvertiser where it names no offer
    that has moved either, BadSignature where it has our header of a signature or has to be
    signed, as TUNE's form cannot be.
    """
    fields = dict(message.fields)
    offer = _offer(_id(fields.pop("offer_id", "")), snapshot)
    if not fields.get("advertiser"):
        if offer is None:
            raise UnknownAdvertiser(
                "Send the `offer_id` of an offer that has moved here, or your code as `advertiser`."
            )
        fields["advertiser"] = offer.advertiser.code
    if signature.carried(message.signing, message.headers):
        raise BadSignature("A report in this form cannot be signed: send it to /postback.")
    _refuse_who_signs(fields["advertiser"], snapshot)
    goal_id = _id(fields.pop("goal_id", ""))
    if goal_id and not fields.get("goal"):
        fields["goal"] = _goal_code(goal_id, offer, snapshot)
    # Either stands in for the other: the goal's policy asks for one of them.
    order_id, event_id = fields.get("order_id"), fields.get("event_id")
    fields |= {"order_id": order_id or event_id, "event_id": event_id or order_id}
    return replace(message, fields=fields)


def _refuse_who_signs(code: Any, snapshot: Snapshot) -> None:
    advertiser = snapshot.advertisers.get(code) if isinstance(code, str) else None
    if advertiser is not None and advertiser.report_auth == "hmac":
        raise BadSignature("This advertiser requires signatures: send its reports to /postback.")


def _offer(said: str, snapshot: Snapshot) -> Offer | None:
    id = _moved("offer", said, snapshot)
    return None if id is None else snapshot.offers.get(id)


def _goal_code(said: str, offer: Offer | None, snapshot: Snapshot) -> str:
    """The code of the offer's goal that has moved; else a code that no goal can have."""
    id = _moved("goal", said, snapshot)
    goals = () if offer is None else offer.goals.values()
    return next((goal.code for goal in goals if goal.id == id), f"{_TUNE}:{said}")


def _moved(kind: str, said: str, snapshot: Snapshot) -> int | None:
    """The id of ours, by the table alone: the same number may be something else of ours."""
    external = snapshot.external
    return external.get((_TUNE, kind, said))


def _id(said: Any) -> str:
    """An id as text; JSON may have it as a number."""
    if type(said) is int:
        return str(said)
    return said.strip() if isinstance(said, str) else ""


async def _tell_tune(send: Send, answer: Answer, header: Header) -> None:
    """`success=true;` for what is stored and counts, a duplicate too, so that nobody repeats it.

    A refusal is 200 too, as its senders expect; who shall try again, or otherwise, sees that by the
    status.
    """
    status, body = answer.status, answer.body
    words = "success=true;"
    if status >= HTTPStatus.BAD_REQUEST:
        reason = f"{body['code']}: {body['detail']}".replace(";", ",")
        words = f"success=false; err_msg={reason};"
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.METHOD_NOT_ALLOWED:
        status = int(HTTPStatus.OK)
    await text(send, status, words, (header, *_headers(status)))


TUNE: Final = Dialect(_TUNE_NAMES, _of_tune, _tell_tune)


def _headers(status: int) -> tuple[Header, ...]:
    headers: dict[int, Header] = {
        401: (b"www-authenticate", b"Peraction"),
        405: (b"allow", b"GET, POST"),
        503: (b"retry-after", b"1"),
    }
    return (headers[status],) if status in headers else ()
