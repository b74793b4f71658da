"""The tables of partners, gathered for Django; each noun lives in a module of its own."""

from partners.models.config import ConfigVersion
from partners.models.funds import Funds
from partners.models.offers import Application, Goal, Link, Offer, Terms
from partners.models.parties import Advertiser, Affiliate, ReportKey
from partners.models.payees import PayeeMethod
from partners.models.people import ApiKey, Membership, Organisation, Role, User

__all__ = [
    "Advertiser",
    "Affiliate",
    "ApiKey",
    "Application",
    "ConfigVersion",
    "Funds",
    "Goal",
    "Link",
    "Membership",
    "Offer",
    "Organisation",
    "PayeeMethod",
    "ReportKey",
    "Role",
    "Terms",
    "User",
]
