"""Why a conversion is as it is: every reason code, and the category that the affiliate is told."""

from typing import Final

# What jobs and people may write into an event, by category.
_BY_CATEGORY: Final = {
    "accepted": ("received", "valid", "operator_approve", "advertiser_approve"),
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
    "decision": ("advertiser_reject", "manager_reject"),
    "test": ("test",),
}

CATEGORIES: Final = {
    reason: category for category, reasons in _BY_CATEGORY.items() for reason in reasons
}

# What a person may give for an approval, and for a rejection or a reversal.
ACCEPTANCES: Final = ("operator_approve", "advertiser_approve")
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


def category(reason: str) -> str:
    """The category of a reason; "other" for one that came with an import or a later version."""
    return CATEGORIES.get(reason, "other")
