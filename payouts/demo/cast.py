"""Who plays: people and companies, all invented, with log-ins and keys that everybody may know."""

from dataclasses import dataclass
from typing import Final

PASSWORD: Final = "peraction-demo"
REPORT_TOKEN: Final = "demo-report-token"
REPORT_KEY_ID: Final = "demo"
REPORT_SECRET: Final = "demo-report-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can sign in; `key` is the bearer string of an API key, empty for none."""

    name: str
    email: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertiserPart:
    """Who pays; `deposit` in whole units of `currency` each time, `signs` reports or uses a token.

    `tops_up` is an advertiser that pays in only what is missing to `deposit`, and at last nothing.
    """

    code: str
    name: str
    person: Person
    currency: str
    deposit: int
    signs: bool = False
    tops_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AffiliatePart:
    """Who sends people: `daily` clicks, of which `quality` percent of the usual share buy.

    `readers` are the countries where they live, most of them in the first. Of what `robots` percent
    of its buyers do, no person would be quick enough. Account numbers are the published examples of
    each country; one affiliate has not given any.
    """

    code: str
    name: str
    person: Person
    country: str
    town: str
    iban: str
    readers: tuple[str, ...]
    source: str
    daily: int
    quality: int
    promotes: tuple[str, ...]
    robots: int = 0


OPERATOR: Final = Person(
    name="Olga Berg", email="olga@peraction.example", key="pk_demooperator_olga"
)
FINANCE: Final = (
    Person(name="Fay Lind", email="fay@peraction.example", key="pk_demofinance_fay"),
    Person(name="Felix Roth", email="felix@peraction.example", key="pk_demofinance2_felix"),
)

FJELL: Final = AdvertiserPart(
    code="fjell",
    name="Fjell Outdoor",
    person=Person(name="Freja Holm", email="freja@fjell.example", key="pk_demoadvertiser_freja"),
    currency="EUR",
    deposit=1_800,
)
LUMEN: Final = AdvertiserPart(
    code="lumen",
    name="Lumen Energy",
    person=Person(name="Luca Serra", email="luca@lumen.example"),
    currency="EUR",
    deposit=2_200,
    signs=True,
)
KESTREL: Final = AdvertiserPart(
    code="kestrel",
    name="Kestrel Games",
    person=Person(name="Kim Doyle", email="kim@kestrel.example"),
    currency="USD",
    deposit=310,
    signs=True,
    tops_up=True,
)
ADVERTISERS: Final = (FJELL, LUMEN, KESTREL)

ALMA: Final = AffiliatePart(
    code="alma",
    name="Trail Notes",
    person=Person(name="Alma Ruiz", email="alma@trailnotes.example", key="pk_demoaffiliate_alma"),
    country="ES",
    town="Girona",
    iban="ES9121000418450200051332",
    readers=("ES", "DE", "FR", "MX"),
    source="blog",
    daily=77,
    quality=130,
    promotes=("sale", "club", "summer"),
)
# Takes part in little, and is paused in the fifth week.
PAUSED: Final = "hugo"
# Loses the access to one offer in the fourth week.
REVOKED: Final = ("hana", "green")

AFFILIATES: Final = (
    ALMA,
    AffiliatePart(
        code="bruno",
        name="Testberichte Keller",
        person=Person(name="Bruno Keller", email="bruno@keller-tests.example"),
        country="FR",
        town="Colmar",
        iban="FR1420041010050500013M02606",
        readers=("DE", "FR", "AT", "CH"),
        source="reviews",
        daily=66,
        quality=115,
        promotes=("sale", "club", "green"),
    ),
    AffiliatePart(
        code="chiara",
        name="Casa Chiara",
        person=Person(name="Chiara Conti", email="chiara@casachiara.example"),
        country="IT",
        town="Bologna",
        iban="IT60X0542811101000000123456",
        readers=("IT", "CH", "FR", "GB"),
        source="newsletter",
        daily=49,
        quality=140,
        promotes=("green", "solar", "sale"),
    ),
    AffiliatePart(
        code="daan",
        name="Prijsvuur",
        person=Person(name="Daan Visser", email="daan@prijsvuur.example"),
        country="NL",
        town="Utrecht",
        iban="NL91ABNA0417164300",
        readers=("NL", "BE", "DE", "GB"),
        source="prices",
        daily=91,
        quality=80,
        promotes=("sale", "club"),
    ),
    AffiliatePart(
        code="ewa",
        name="Ewa Gra",
        person=Person(name="Ewa Nowak", email="ewa@ewagra.example"),
        country="PL",
        town="Gdynia",
        iban="PL61109010140000071219812874",
        readers=("PL", "CZ", "GB", "DE"),
        source="video",
        daily=63,
        quality=110,
        promotes=("skyhold",),
    ),
    AffiliatePart(
        code="finn",
        name="Finn Räty Media",
        person=Person(name="Finn Räty", email="finn@ratymedia.example"),
        country="FI",
        town="Turku",
        iban="FI2112345600000785",
        readers=("FI", "SE", "LT", "GB"),
        source="social",
        daily=52,
        quality=95,
        promotes=("skyhold", "sale"),
    ),
    AffiliatePart(
        code="grace",
        name="Grace Under Canvas",
        person=Person(name="Grace Byrne", email="grace@undercanvas.example"),
        country="IE",
        town="Galway",
        iban="IE29AIBK93115212345678",
        readers=("IE", "GB", "US", "DE"),
        source="blog",
        daily=38,
        quality=125,
        promotes=("sale", "club"),
    ),
    AffiliatePart(
        code="hana",
        name="Bright Compare",
        person=Person(name="Hana Dvorak", email="hana@brightcompare.example"),
        country="AT",
        town="Linz",
        iban="AT611904300234573201",
        readers=("AT", "DE", "CZ", "CH"),
        source="search",
        daily=42,
        quality=90,
        promotes=("green", "solar"),
    ),
    AffiliatePart(
        code=PAUSED,
        name="Quick Clicks",
        person=Person(name="Hugo Maes", email="hugo@quickclicks.example"),
        country="BE",
        town="Ghent",
        iban="BE68539007547034",
        readers=("BE", "US", "IN", "BR"),
        source="popunder",
        daily=59,
        quality=70,
        promotes=("club", "skyhold"),
        robots=45,
    ),
    AffiliatePart(
        code="ines",
        name="Verde Ines",
        person=Person(name="Inês Lopes", email="ines@verdeines.example"),
        country="PT",
        town="Braga",
        iban="PT50000201231234567890154",
        readers=("PT", "ES", "BR", "FR"),
        source="newsletter",
        daily=31,
        quality=120,
        promotes=("green", "sale"),
    ),
    AffiliatePart(
        code="jonas",
        name="Jonas Plays",
        person=Person(name="Jonas Petrauskas", email="jonas@jonasplays.example"),
        country="LT",
        town="",
        iban="",
        readers=("LT", "PL", "GB", "US"),
        source="stream",
        daily=35,
        quality=105,
        promotes=("skyhold", "sale"),
    ),
    AffiliatePart(
        code="klara",
        name="Klara's Shed",
        person=Person(name="Klara Ek", email="klara@klarasshed.example"),
        country="SE",
        town="Falun",
        iban="SE4550000000058398257466",
        readers=("SE", "FI", "DK", "NO"),
        source="forum",
        daily=3,
        quality=60,
        promotes=("sale",),
    ),
)
