"""The addresses of payouts below /api/v1/."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from payouts.api.balances import BalancesView
from payouts.api.commissions import CommissionViews
from payouts.api.deposits import CreditLimitViews, DepositViews
from payouts.api.payouts import PayoutViews
from payouts.api.runs import RunViews, SkipViews
from payouts.api.statements import StatementView

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("commissions", CommissionViews)
router.register("deposits", DepositViews)
router.register("credit-limits", CreditLimitViews)
router.register("payout-runs", RunViews)
router.register("payout-runs/<int:run_id>/skips", SkipViews)
router.register("payouts", PayoutViews)

urlpatterns = [
    path("balances", BalancesView.as_view()),
    path("statements", StatementView.as_view()),
    path("", include(router.urls)),
]
