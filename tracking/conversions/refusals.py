"""Why a report is not taken: each reason with its code; the docstring is what the sender reads."""

from network.errors import BadInput, Conflict, TooLarge, Unauthenticated


class UnknownAdvertiser(Unauthenticated):
    """The report names no advertiser that we know: send its code as `advertiser`."""

    code = "unknown_advertiser"


class BadToken(Unauthenticated):
    """The report carries neither the advertiser's token nor a signature."""

    code = "bad_token"


class UnknownKey(Unauthenticated):
    """The advertiser has no live report key with this id."""

    code = "unknown_key"


class BadSignature(Unauthenticated):
    """The signature is not valid, or missing where the advertiser requires one."""

    code = "bad_signature"


class SignatureExpired(Unauthenticated):
    """The timestamp of the signature is too far from our clock."""

    code = "signature_expired"


class BodyTooLarge(TooLarge):
    """A report is at most 64 kB."""

    code = "body_too_large"


class ReportReplayed(Conflict):
    """This nonce was used before: nothing has changed."""

    code = "report_replayed"


class UnknownClick(BadInput):
    """The click id is not one of ours."""

    code = "unknown_click"


class ClickOfAnotherAdvertiser(BadInput):
    """The click led to another advertiser's offer."""

    code = "click_of_another_advertiser"


class ClickInvalid(BadInput):
    """The click did not lead to the offer, so nothing can follow from it."""

    code = "click_invalid"


class OrderIdRequired(BadInput):
    """This goal is counted once per order: send `order_id`."""

    code = "order_id_required"


class EventIdRequired(BadInput):
    """This goal is counted every time: send an `event_id`, so that a repeat is known as one."""

    code = "event_id_required"


class CurrencyNotOffers(BadInput):
    """The currency is not the offer's."""

    code = "currency_not_offers"


class ConfigurationSays(BadInput):
    """The configuration has no place for this report; a newer one may have."""

    code = "not_configured"


class UnknownOffer(ConfigurationSays):
    """The click's offer does not exist."""

    code = "unknown_offer"


class UnknownGoal(ConfigurationSays):
    """The offer has no such goal, or none was named and the offer has no default."""

    code = "unknown_goal"


class NoPayoutRule(ConfigurationSays):
    """No terms hold for this goal, affiliate and time."""

    code = "no_payout_rule"
