"""A big network's configuration, made fast: what a tracker must hold in memory."""

from typing import Any, Final

from psycopg import Connection
from psycopg.types.json import Jsonb

AFFILIATES: Final = 1_000
ADVERTISERS: Final = 200

# Three leaves: most visitors are from the right country, with the right device, at the right time.
TARGETING: Final = {
    "all": [
        {"fact": "country", "in": ["DE", "AT", "CH", "NL", "BE"]},
        {"fact": "device", "in": ["desktop", "phone", "tablet"]},
        {"not": {"fact": "bot", "in": ["known"]}},
    ]
}

_ORGANISATIONS = """
INSERT INTO organisation (name, created_at)
SELECT 'catalogue ' || n, '2020-01-01' FROM generate_series(1, %s) AS n RETURNING id
"""
_ADVERTISERS = """
INSERT INTO advertiser (
    organisation_id, code, name, status, report_auth, report_token_digest, funded, created_at
)
SELECT id, 'adv_' || id, 'Advertiser ' || id, 'active', 'token', encode(sha256(id::text::bytea),
    'hex'), true, '2020-01-01'
FROM unnest(%s::bigint[]) AS id RETURNING id
"""
_AFFILIATES = """
INSERT INTO affiliate (organisation_id, code, name, status, created_at)
SELECT id, 'aff_' || id, 'Affiliate ' || id, 'active', '2020-01-01'
FROM unnest(%s::bigint[]) AS id RETURNING id
"""
_OFFERS = """
INSERT INTO offer (
    advertiser_id, name, description, status, visibility, currency, landing_url, fallback_url,
    click_window_s, min_click_to_conversion_s, hold_days, targeting, time_zone, deep_link_hosts,
    link_signing, utm, created_at
)
SELECT (%s::bigint[])[1 + n %% %s], 'Offer ' || n, '', 'active', 'public', 'EUR',
    'https://shop' || n || '.example/landing?click={click_id}', '', 2592000, 15, 30, %s,
    'Europe/Berlin', '{}', 'off', '{}', '2020-01-01'
FROM generate_series(0, %s - 1) AS n RETURNING id
"""
_GOALS = """
INSERT INTO goal (offer_id, code, name, dedupe, is_default, created_at)
SELECT id, 'sale', 'Sale', 'per_order', true, '2020-01-01'
FROM unnest(%s::bigint[]) AS id RETURNING id
"""
_TERMS = """
INSERT INTO terms (
    goal_id, revenue_fixed_micros, revenue_ppm, commission_fixed_micros, commission_ppm,
    valid_from, created_at, created_by
)
SELECT id, 0, 100000, 0, 70000, '2020-01-01', '2020-01-01', 'catalogue'
FROM unnest(%s::bigint[]) AS id RETURNING id
"""
_LANDINGS = """
INSERT INTO landing (offer_id, name, url, weight, active, created_at)
SELECT id, 'Main', 'https://shop' || id || '.example/main?click={click_id}', 100, true, '2020-01-01'
FROM unnest(%s::bigint[]) AS id RETURNING id
"""
_LINKS = """
INSERT INTO link (code, affiliate_id, offer_id, name, active, created_at)
SELECT 'c' || lpad(n::text, 9, '0'), (%s::bigint[])[1 + (n + n / %s) %% %s],
    (%s::bigint[])[1 + n %% %s], '', true, '2020-01-01'
FROM generate_series(0, %s - 1) AS n RETURNING id
"""


def fill(
    connection: Connection[Any],
    links: int = 100_000,
    offers: int = 10_000,
    affiliates: int = AFFILIATES,
    advertisers: int = ADVERTISERS,
) -> list[str]:
    """Store so many links, all of them good, and give the codes of some.

    Each offer is active, public and funded, with a default goal, terms, targeting of three leaves
    and a landing page.
    """
    with connection.transaction():
        organisations = _ids(connection, _ORGANISATIONS, advertisers + affiliates)
        paying = _ids(connection, _ADVERTISERS, organisations[:advertisers])
        sending = _ids(connection, _AFFILIATES, organisations[advertisers:])
        deals = _ids(connection, _OFFERS, paying, len(paying), Jsonb(TARGETING), offers)
        _ids(connection, _TERMS, _ids(connection, _GOALS, deals))
        _ids(connection, _LANDINGS, deals)
        # The quotient, so that an offer's links belong to different affiliates.
        _ids(connection, _LINKS, sending, offers, len(sending), deals, offers, links)
    return [f"c{number:09}" for number in range(0, links, max(1, links // 100))]


def _ids(connection: Connection[Any], statement: str, *values: object) -> list[int]:
    return [id for (id,) in connection.execute(statement, values).fetchall()]
