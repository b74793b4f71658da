"""The tables of tracking, gathered for Django; each step declares its own."""

from tracking.clicks.models import Click
from tracking.conversions.models import (
    Conversion,
    ConversionKey,
    Event,
    Handoff,
    Report,
    ReportNonce,
    ReportOutcome,
    ReportWait,
    Share,
)
from tracking.postbacks.models import Delivery, Postback

__all__ = [
    "Click",
    "Conversion",
    "ConversionKey",
    "Delivery",
    "Event",
    "Handoff",
    "Postback",
    "Report",
    "ReportNonce",
    "ReportOutcome",
    "ReportWait",
    "Share",
]
