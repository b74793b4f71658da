"""What an explanation looks like to each role: the description of what `explain` answers."""

from typing import Any

from rest_framework import serializers

from network.api.fields import MoneyOf
from partners.api.schema import by_role
from tracking.clicks.shapes import ExternalClickId
from tracking.conversions.models import Conversion
from tracking.conversions.verdicts import VERDICTS


class ExplainedClick(serializers.Serializer[Any]):
    """The click; `stored` is false once its day is no longer kept."""

    id = ExternalClickId()
    at = serializers.DateTimeField(read_only=True)
    link = serializers.IntegerField(read_only=True)
    aff_click_id = serializers.CharField(read_only=True, allow_null=True)
    subs = serializers.ListField(
        child=serializers.CharField(allow_null=True), read_only=True, allow_null=True
    )
    stored = serializers.BooleanField(read_only=True)
    referrer = serializers.CharField(read_only=True, allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With `source`, a name that serializers have for something else."""
        source = serializers.CharField(read_only=True, allow_null=True)
        return {**super().get_fields(), "source": source}


class ExplainedPrice(serializers.Serializer[Any]):
    """A fixed amount and a percentage of the sale."""

    fixed = MoneyOf("fixed_micros")
    percent = serializers.CharField(read_only=True)


class _Terms(serializers.Serializer[Any]):
    id = serializers.IntegerField(read_only=True)
    currency = serializers.CharField(read_only=True)


class TermsToAffiliate(_Terms):
    """The terms at receipt: what the affiliate earns."""

    commission = ExplainedPrice(read_only=True)


class TermsToAdvertiser(_Terms):
    """The terms at receipt: what the advertiser pays."""

    revenue = ExplainedPrice(read_only=True)


class TermsToNetwork(TermsToAdvertiser):
    """The terms at receipt, both sides."""

    commission = ExplainedPrice(read_only=True)


class EvidenceToAffiliate(serializers.Serializer[Any]):
    """That something was reported, and how."""

    kind = serializers.ChoiceField(["postback"], read_only=True)
    signed = serializers.BooleanField(read_only=True)
    received_at = serializers.DateTimeField(read_only=True)


class EvidenceToOthers(EvidenceToAffiliate):
    """A report as it came, without what authenticated it, and what was decided about it."""

    report = serializers.UUIDField(read_only=True)
    verdict = serializers.ChoiceField(VERDICTS, read_only=True)
    code = serializers.CharField(read_only=True)
    method = serializers.CharField(read_only=True)
    order_id = serializers.CharField(read_only=True, allow_null=True)
    event_id = serializers.CharField(read_only=True, allow_null=True)
    query = serializers.CharField(read_only=True)
    body = serializers.CharField(read_only=True)


class DecisionToAffiliate(serializers.Serializer[Any]):
    """A move and the category of its reason; `by` is a sort of actor, such as `job` or `user`."""

    seq = serializers.IntegerField(read_only=True)
    at = serializers.DateTimeField(read_only=True)
    to = serializers.ChoiceField(Conversion.Status.choices, read_only=True)
    reason = serializers.CharField(read_only=True)
    by = serializers.CharField(read_only=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With `from`, which a class body cannot name; null for the first."""
        before = serializers.ChoiceField(Conversion.Status.choices, read_only=True, allow_null=True)
        return {"from": before, **super().get_fields()}


class DecisionToOthers(DecisionToAffiliate):
    """A move with its reason, who made it, and the facts that were seen."""

    note = serializers.CharField(read_only=True)
    actor = serializers.CharField(read_only=True)
    facts = serializers.DictField(
        read_only=True, help_text="What the decision saw; its members depend on who decided."
    )


class _Explanation(serializers.Serializer[Any]):
    conversion = serializers.UUIDField(read_only=True)
    status = serializers.ChoiceField(Conversion.Status.choices, read_only=True)
    reason = serializers.CharField(read_only=True)
    click = ExplainedClick(read_only=True)


class ExplanationForAffiliate(_Explanation):
    """Why a conversion is as it is: states, categories of reasons and kinds of evidence."""

    terms = TermsToAffiliate(read_only=True)
    evidence = EvidenceToAffiliate(many=True, read_only=True)
    timeline = DecisionToAffiliate(many=True, read_only=True)


class ExplanationForAdvertiser(_Explanation):
    """Why a conversion is as it is, but for what the affiliate earns."""

    terms = TermsToAdvertiser(read_only=True)
    evidence = EvidenceToOthers(many=True, read_only=True)
    timeline = DecisionToOthers(many=True, read_only=True)


class ExplanationForNetwork(ExplanationForAdvertiser):
    """Why a conversion is as it is, with all facts."""

    terms = TermsToNetwork(read_only=True)


EXPLANATION = by_role(
    "Explanation", ExplanationForNetwork, ExplanationForAdvertiser, ExplanationForAffiliate
)
