"""The addresses of partners below /api/v1/."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from partners.api.advertisers import AdvertiserViews, ReportKeyViews
from partners.api.affiliates import AffiliateViews
from partners.api.applications import ApplicationViews, OfferApplicationViews
from partners.api.caps import CapViews, CapWindowViews, OfferCapViews
from partners.api.external_ids import ExternalIdViews
from partners.api.goals import GoalViews, TermsViews
from partners.api.keys import KeyViews
from partners.api.landings import LandingViews, OfferLandingViews
from partners.api.link_keys import LinkKeyViews
from partners.api.links import LinkViews
from partners.api.offers import OfferViews
from partners.api.organisations import MembershipViews, OrganisationViews
from partners.api.payees import PayeeViews
from partners.api.sessions import MeView, PasswordView, SessionView
from partners.api.smart import SmartLinkViews, SmartWeightViews

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("api-keys", KeyViews)
router.register("organisations", OrganisationViews)
router.register("memberships", MembershipViews)
router.register("advertisers", AdvertiserViews)
router.register("advertisers/<int:advertiser_id>/report-keys", ReportKeyViews)
router.register("affiliates", AffiliateViews)
router.register("offers", OfferViews)
router.register("offers/<int:offer_id>/goals", GoalViews)
router.register("offers/<int:offer_id>/landings", OfferLandingViews, basename="offer-landing")
router.register("landings", LandingViews)
router.register("goals/<int:goal_id>/terms", TermsViews)
router.register(
    "offers/<int:offer_id>/applications", OfferApplicationViews, basename="offer-application"
)
router.register("offers/<int:offer_id>/caps", OfferCapViews, basename="offer-cap")
router.register("caps", CapViews)
router.register("caps/<int:cap_id>/windows", CapWindowViews)
router.register("applications", ApplicationViews)
router.register("links", LinkViews)
router.register("link-keys", LinkKeyViews)
router.register("smart-links", SmartLinkViews)
router.register("smart-links/<int:smart_link_id>/weights", SmartWeightViews)
router.register("external-ids", ExternalIdViews)
router.register("payee-methods", PayeeViews)

urlpatterns = [
    path("session", SessionView.as_view()),
    path("me", MeView.as_view()),
    path("me/password", PasswordView.as_view()),
    path("", include(router.urls)),
]
