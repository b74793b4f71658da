"""The tables of partners, gathered for Django; each noun lives in a module of its own."""

from partners.models.caps import Cap, CapWindow
from partners.models.config import ConfigVersion
from partners.models.funds import Funds
from partners.models.links import Landing, Link, LinkKey
from partners.models.moved import ExternalId
from partners.models.offers import Application, Goal, Offer, Terms
from partners.models.parties import Advertiser, Affiliate, ReportKey
from partners.models.payees import PayeeMethod
from partners.models.people import ApiKey, Membership, Organisation, Role, User
from partners.models.smart import SmartEvidence, SmartLink, SmartOffer, SmartWeight

__all__ = [
    "Advertiser",
    "Affiliate",
    "ApiKey",
    "Application",
    "Cap",
    "CapWindow",
    "ConfigVersion",
    "ExternalId",
    "Funds",
    "Goal",
    "Landing",
    "Link",
    "LinkKey",
    "Membership",
    "Offer",
    "Organisation",
    "PayeeMethod",
    "ReportKey",
    "Role",
    "SmartEvidence",
    "SmartLink",
    "SmartOffer",
    "SmartWeight",
    "Terms",
    "User",
]
