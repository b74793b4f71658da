"""What a link may carry and what an address may ask for: parameters and macros, by their names."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# The first ten are what nearly everybody uses.
SUBS: Final = tuple(f"sub{number}" for number in range(1, 31))
# What a link tells of a visitor's way; whatever else it carries says what to do with the click.
TOLD: Final = ("source", "sub_source", "aff_click_id", *SUBS)
# Characters that are kept of a value; of an address that a link leads to.
TEXT_MAX: Final = 500
URL_MAX: Final = 2_000

# Where a link's code stands in its address.
LINK_PATH: Final = "/c/"

# A link's parameter -> what its value is called from there on.
PARAMETERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{name: name for name in TOLD},
        "landing": "landing",
        "url_id": "landing",
        "deep_link": "deep_link",
        "url": "deep_link",
        "cons": "cons",
        "gdpr": "gdpr",
        "gdpr_consent": "gdpr_consent",
    }
)
# The parameters that only a signed link has; `sig` is its last.
SIGNATURE: Final = ("expires", "key", "sig")

_MACROS: Final[Mapping[str, tuple[str, ...]]] = {
    "click_id": ("click_id", "clickid", "transaction_id", "tid"),
    "aff_click_id": ("aff_click_id",),
    **{name: (name,) for name in SUBS},
    "source": ("source", "source_id", "sub_aff_id"),
    "sub_source": ("sub_source",),
    "affiliate": ("affiliate",),
    "affiliate_id": ("affiliate_id", "aff_id", "pid"),
    "offer": ("offer", "offer_id", "offerid"),
    "link": ("link",),
    "landing": ("landing", "landing_id", "url_id"),
    "country": ("country", "country_code", "geo"),
    "region": ("region",),
    "device": ("device", "device_type"),
    "os": ("os",),
    "browser": ("browser",),
    "language": ("language",),
    "timestamp": ("timestamp",),
    "date": ("date",),
    "rand": ("rand", "random"),
}
# What other networks' advertisers write for the first sub ids.
_SUB_ALIASES: Final = {
    "aff_sub": "sub1",
    **{f"aff_sub{number}": f"sub{number}" for number in range(1, 6)},
    **{f"sub_id{number}": f"sub{number}" for number in range(1, 6)},
    **{f"s{number}": f"sub{number}" for number in range(1, 6)},
}
# A macro in lower case -> the value that takes its place. Nothing here tells the visitor's address
# or browser in full: an address that people are sent to is kept in histories and logs of others.
MACROS: Final[Mapping[str, str]] = MappingProxyType(
    {alias: value for value, aliases in _MACROS.items() for alias in aliases} | _SUB_ALIASES
)
