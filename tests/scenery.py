"""What the purchase log needs before its first day, made inside the network's environment."""

import json
import os
import subprocess
import sys
from typing import Any

from schwifty import IBAN

from partners import keys, parties, payees
from partners.auth import actor_of_person
from partners.models import Organisation, Role
from partners.scopes import SCOPES
from tests import factories
from tests.cdnow import AFFILIATES
from tests.running import ROOT, Running

SHOP_SECRET = "the-secret-of-the-shop"


def build() -> dict[str, Any]:
    """An advertiser who signs, still without money; a CPS offer; twelve affiliates with links."""
    advertiser = factories.make_advertiser("cdnow")
    parties.add_report_key(advertiser, key_id="k1", secret=SHOP_SECRET)
    parties.require_signatures(advertiser)
    offer = factories.make_offer(
        advertiser,
        terms={"revenue_ppm": 100_000, "commission_ppm": 73_333},
        click_window_s=600 * 86_400,
        min_click_to_conversion_s=0,
        hold_days=30,
    )
    links, affiliates = {}, {}
    for number in range(AFFILIATES):
        affiliate = factories.make_affiliate(f"affiliate-{number:02d}")
        member = factories.make_member(Role.AFFILIATE, affiliate.organisation)
        payees.replace(
            affiliate,
            payees.Account(
                holder=f"Affiliate {number:02d}",
                iban=str(IBAN.generate("DE", "37040044", f"{number + 1:010d}")),
                country="DE",
                town="Berlin",
            ),
            actor=actor_of_person(member.user, membership_id=str(member.pk)),
        )
        links[number] = factories.make_link(offer, affiliate).code
        affiliates[number] = affiliate.pk
    network = Organisation.objects.create(name="Network", created_at=factories.EVER)
    bearer = {}
    for name, role in (("olga", "operator"), ("fred", "finance"), ("gina", "finance")):
        member = factories.make_member(role, network, factories.make_user(f"{name}@test.example"))
        actor = actor_of_person(member.user, membership_id=str(member.pk))
        _, bearer[name] = keys.issue(actor=actor, name=name, scopes=SCOPES[Role(role)])
    return {
        "advertiser": advertiser.code,
        "advertiser_id": advertiser.pk,
        "key_id": "k1",
        "secret": SHOP_SECRET,
        "offer": offer.pk,
        "links": links,
        "affiliates": affiliates,
        "keys": bearer,
    }


def build_in(running: Running) -> dict[str, Any]:
    """`build` in a process of that network, whose keys and database it needs."""
    program = (
        "import django, json; django.setup(); "
        "from tests.scenery import build; print(json.dumps(build()))"
    )
    made = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | running.environment,
        check=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, Any] = json.loads(made.stdout)
    return found
