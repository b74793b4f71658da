"""Who follows the links: people with a home and a browser, some of them again, and programs."""

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Final

from payouts.demo.cast import AffiliatePart

# The language of a browser, by where its owner lives.
_LANGUAGES: Final = {
    "AT": "de-AT", "BE": "nl-BE", "BR": "pt-BR", "CH": "de-CH", "CZ": "cs-CZ", "DE": "de-DE",
    "DK": "da-DK", "ES": "es-ES", "FI": "fi-FI", "FR": "fr-FR", "GB": "en-GB", "IE": "en-IE",
    "IN": "en-IN", "IT": "it-IT", "LT": "lt-LT", "MX": "es-MX", "NL": "nl-NL", "NO": "nb-NO",
    "PL": "pl-PL", "PT": "pt-PT", "SE": "sv-SE", "US": "en-US",
}  # fmt: skip
# How many of a hundred readers live in the first, second, third and fourth country.
_READERS: Final = (62, 23, 10, 5)
_BROWSERS: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
)
# One that says who it is, one that is a library, one that would rather not say.
_PROGRAMS: Final = (
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "python-requests/2.32.5",
    "",
)
# Of a hundred clicks: by who was there lately; by a program; through a machine of a data centre.
_AGAIN: Final = 9
_PROGRAM: Final = 2
_TUNNEL: Final = 1
# Where many of the buyers are quick, so many of the visitors are no people.
_PROGRAMS_PER_ROBOT: Final = 5
_REMEMBERED: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Somebody with a browser at an address, perhaps in a data centre (`hosted`), or a program.

    The address is of the ranges for documentation, which are nowhere: `country` says where it is.
    """

    address: str
    country: str
    language: str
    user_agent: str
    hosted: bool
    program: bool


class Crowd:
    """Those who follow the links of the affiliates."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._lately: dict[str, deque[Guest]] = {}

    def guest(self, affiliate: AffiliatePart, code: str) -> Guest:
        """Who follows the link with this code: mostly somebody new, or one of the latest again."""
        lately = self._lately.setdefault(code, deque(maxlen=_REMEMBERED))
        if lately and self._chance(_AGAIN):
            return self._random.choice(lately)
        program = self._chance(_PROGRAM + affiliate.robots // _PROGRAMS_PER_ROBOT)
        (country,) = self._random.choices(affiliate.readers, _READERS)
        guest = Guest(
            address=self._address(),
            country=country,
            language="" if program else _LANGUAGES[country],
            user_agent=self._random.choice(_PROGRAMS if program else _BROWSERS),
            hosted=program or self._chance(_TUNNEL),
            program=program,
        )
        lately.append(guest)
        return guest

    def _chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent

    def _address(self) -> str:
        """An address of the ranges that are kept for documentation."""
        number = self._random.randrange(1, 255)
        kind = self._random.randrange(3)
        return (f"198.51.100.{number}", f"203.0.113.{number}", f"2001:db8::{number:x}")[kind]
