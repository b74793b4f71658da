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
from tracking.seen.models import Impression, PageEvent

__all__ = [
    "Click",
    "Conversion",
    "ConversionKey",
    "Delivery",
    "Event",
    "Handoff",
    "Impression",
    "PageEvent",
    "Postback",
    "Report",
    "ReportNonce",
    "ReportOutcome",
    "ReportWait",
    "Share",
]
