"""Fills a database for the benchmark of clicks, and writes down what visitors ask for.

python -m tests.bench.scene PATHS AGENTS LINKS OFFERS
"""

import os
import subprocess
import sys
from pathlib import Path

import django
import psycopg

from tests.bench.catalogue import fill
from tests.running import ROOT

SUBS = "&".join(f"sub{n}=value-{n}-of-ten" for n in range(1, 10))
# So many that none is asked for again while a tracker remembers it.
OWN = 200
FOREVER = "4000000000"
AGENTS = [
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 "
    f"{mobile}Safari/537.36"
    for version in range(120, 143)
    for system, mobile in (
        ("Windows NT 10.0; Win64; x64", ""),
        ("Macintosh; Intel Mac OS X 10_15_7", ""),
        ("Linux; Android 10; K", "Mobile "),
    )
]


def main(paths: str, agents: str, links: str, offers: str) -> None:
    """Migrate, fill, turn everything on; write a hundred signed links, and as PATHS.own each of
    them with OWN different sub ids.
    """
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--database=owner", "-v0"], cwd=ROOT, check=True
    )
    django.setup()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        codes = fill(connection, links=int(links), offers=int(offers))
        connection.execute(
            "UPDATE offer SET link_signing = 'enforced', utm = '{\"utm_source\": \"p\"}'"
        )
        connection.execute(
            "INSERT INTO cap (offer_id, scope, value, period, time_zone, limit_count,"
            " alert_percent, active, created_at)"
            " SELECT id, 'offer', '', 'day', 'Europe/Berlin', 1000000000, 90, true, created_at"
            " FROM offer"
        )
    keys = _keys(codes)
    _write(paths, [_signed(key, 0) for key in keys])
    _write(f"{paths}.own", [_signed(key, number) for number in range(OWN) for key in keys])
    _write(agents, AGENTS)


def _keys(codes: list[str]) -> list[tuple[str, str, str]]:
    """The codes of these links, each with the id and the secret of a key of its affiliate's."""
    from partners import link_keys  # noqa: PLC0415  (after django.setup)
    from partners.models import Link  # noqa: PLC0415

    keys: dict[int, tuple[str, str]] = {}
    found = []
    for link in Link.objects.filter(code__in=codes).select_related("affiliate"):
        if link.affiliate_id not in keys:
            key, secret = link_keys.add(affiliate=link.affiliate)
            keys[link.affiliate_id] = key.key_id, secret
        found.append((link.code, *keys[link.affiliate_id]))
    return found


def _signed(key: tuple[str, str, str], number: int) -> str:
    """The link, signed, with ten sub ids of which the last is this number."""
    from partners import link_signature  # noqa: PLC0415  (after django.setup)

    code, key_id, secret = key
    path = f"/c/{code}"
    query = f"{SUBS}&sub10=number-{number}&expires={FOREVER}&key={key_id}".encode()
    signature = link_signature.sign(secret.encode(), path, query)
    return f"{path}?{query.decode()}&sig={signature}"


def _write(path: str, lines: list[str]) -> None:
    Path(path).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
