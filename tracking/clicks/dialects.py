"""Links as other platforms write them: which one it is, whose ids it names, what comes along.

The path and the pair of ids that is there choose the platform, because one name means different
things: `/click` alone is written in three ways. Names are those of each platform's own pages, all
in lower case; in another case they are other names, and ignored as such.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from tracking.clicks import query


class Foreign(NamedTuple):
    """A link of another platform; `offer`, `affiliate` and `landing` are its ids and not ours.

    `landing` is empty where the link asks for no page. `params` have the names of our own links'.
    """

    dialect: str
    offer: str
    affiliate: str
    landing: str
    params: dict[str, str]


class _Dialect(NamedTuple):
    """`marks` stand in every query that names both ids; `names` says what a parameter is to us."""

    name: str
    marks: tuple[bytes, bytes]
    names: Mapping[str, str]


# Whoever asks for consent adds these to any link.
_CONSENT: Final = ("cons", "gdpr", "gdpr_consent")


def _dialect(name: str, offer: str, affiliate: str, names: Mapping[str, str]) -> _Dialect:
    marks = f"{offer}=".encode(), f"{affiliate}=".encode()
    consent = {word: word for word in _CONSENT}
    return _Dialect(name, marks, {offer: "offer", affiliate: "affiliate", **consent, **names})


def _subs(prefix: str, numbers: Iterable[int], *, first: int = 1) -> dict[str, str]:
    """Numbered parameters as sub ids, of which the first one is ours of this number."""
    return {f"{prefix}{number}": f"sub{first + place}" for place, number in enumerate(numbers)}


_BY_PATH: Final[Mapping[str, tuple[_Dialect, ...]]] = {
    "/aff_c": (
        _dialect(
            "tune",
            "offer_id",
            "aff_id",
            {
                "aff_sub": "sub1",
                **_subs("aff_sub", range(2, 6), first=2),
                **_subs("aff_unique", range(1, 6), first=6),
                "aff_click_id": "aff_click_id",
                "source": "source",
                "url_id": "landing",
                "url": "deep_link",
            },
        ),
    ),
    "/click": (
        _dialect(
            "affise",
            "offer_id",
            "pid",
            {**_subs("sub", range(1, 31)), "redirect": "deep_link"},
        ),
        _dialect(
            "trackier",
            "campaign_id",
            "pub_id",
            {
                "p1": "aff_click_id",
                **_subs("p", range(2, 16), first=2),
                "source": "source",
                "sub_source": "sub_source",
                "url_id": "landing",
                "url": "deep_link",
            },
        ),
        _dialect(
            "scaleo",
            "o",
            "a",
            {
                "aff_click_id": "aff_click_id",
                **_subs("sub_id", range(1, 6)),
                **_subs("aff_param", range(1, 6), first=6),
                "link_id": "landing",
                "deep_link": "deep_link",
            },
        ),
    ),
    # A creative of CAKE's belongs to one offer, and is one of its pages.
    "/": (_dialect("cake", "c", "a", _subs("s", range(1, 6))),),
}
_WITH_PAGE_IN_OFFER: Final = "cake"


PATHS: Final = frozenset(_BY_PATH)


def read(path: str, raw_query: bytes) -> Foreign | None:
    """The link that another platform would read here; None where none would.

    Never raises: whatever cannot be read is cut, replaced or ignored, as in our own links.
    """
    for name, (offer_mark, affiliate_mark), names in _BY_PATH.get(path, ()):
        if offer_mark in raw_query and affiliate_mark in raw_query:
            params = query.pairs(raw_query, names)
            offer, affiliate = params.pop("offer", ""), params.pop("affiliate", "")
            if offer and affiliate:
                landing = offer if name == _WITH_PAGE_IN_OFFER else params.pop("landing", "")
                return Foreign(name, offer, affiliate, landing, params)
    return None
