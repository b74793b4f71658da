"""Why a conversion is as it is: every reason code, and the category that the affiliate is told."""

from collections.abc import Mapping
from typing import Final

from network.errors import BadInput
from partners.models import Role

# Who decides, and what an approval and a rejection without another reason say of them.
_ACCEPTANCES: Final[Mapping[Role, str]] = {
    Role.OPERATOR: "operator_approve",
    Role.ADVERTISER: "advertiser_approve",
}
_DECISIONS: Final[Mapping[Role, str]] = {
    Role.OPERATOR: "manager_reject",
    Role.ADVERTISER: "advertiser_reject",
}

# What jobs and people may write into an event, by category.
_BY_CATEGORY: Final = {
    "accepted": ("received", "valid", *_ACCEPTANCES.values()),
    "waiting": ("room_given", "settling", "order_elsewhere", "advertiser_inactive"),
    "no_room": ("unfunded",),
    "timing": ("click_expired", "ctit_min"),
    "access": ("affiliate_inactive", "not_approved", "offer_inactive"),
    "duplicate": ("duplicate",),
    "order": ("cancelled_order", "invalid_data", "non_payment", "returned"),
    "attribution": ("existing_customer", "other_channel"),
    # The exact finding stays inside, so that nobody learns how to get around it.
    "quality": (
        "device_mismatch",
        "fraud_bot",
        "fraud_identity",
        "fraud_proxy",
        "fraud_velocity",
        "geo_mismatch",
    ),
    "terms": ("terms_breach",),
    "decision": tuple(_DECISIONS.values()),
    "test": ("test",),
}

CATEGORIES: Final = {
    reason: category for category, reasons in _BY_CATEGORY.items() for reason in reasons
}

# What a person may give for a rejection or a reversal.
REFUSALS: Final = tuple(
    sorted(
        reason
        for name in (
            "timing",
            "access",
            "duplicate",
            "order",
            "attribution",
            "quality",
            "terms",
            "decision",
            "test",
        )
        for reason in _BY_CATEGORY[name]
    )
)


class ReasonOfAnother(BadInput):
    """The reason names another: advertisers say advertiser_reject, the network manager_reject."""

    code = "reason_of_another"


def acceptance(role: Role) -> str:
    """The reason of an approval: who gave it, the operator or the advertiser."""
    return _ACCEPTANCES[role]


def check_refusal(reason: str, role: Role) -> None:
    """ReasonOfAnother where the reason names the decision of another role."""
    if reason in _DECISIONS.values() and reason != _DECISIONS[role]:
        raise ReasonOfAnother(pointer="/reason")


def category(reason: str) -> str:
    """The category of a reason; "other" for one that came with an import or a later version."""
    return CATEGORIES.get(reason, "other")
