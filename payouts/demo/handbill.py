"""What visitors of the demo are told: log-ins, keys and addresses, in `demo.json`."""

import json
import os
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from network import crypto
from partners import addresses
from partners.models import Advertiser, Link, Role
from payouts.demo import cast
from payouts.demo.cast import Person

_LOGINS: Final = (
    (Role.AFFILIATE, cast.ALMA.person),
    (Role.ADVERTISER, cast.FJELL.person),
    (Role.FINANCE, cast.FINANCE[0]),
    (Role.FINANCE, cast.FINANCE[1]),
    (Role.OPERATOR, cast.OPERATOR),
)


def write(path: Path) -> None:
    """Leave the file for its owner's eyes, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content(), file, indent=2)
    fresh.replace(path)


def content() -> dict[str, Any]:
    """Everything that is in the file."""
    of_alma = Link.objects.filter(affiliate__code=cast.ALMA.code, offer__status="active")
    # Not the latest, which a visitor may have made since.
    link = of_alma.select_related("offer").earliest("pk")
    return {
        "logins": [_login(role, person) for role, person in _LOGINS],
        "keys": {
            "operator": cast.OPERATOR.key,
            "advertiser": cast.FJELL.person.key,
            "affiliate": cast.ALMA.person.key,
            "finance": cast.FINANCE[0].key,
            "finance2": cast.FINANCE[1].key,
        },
        "urls": {"web": settings.WEB_URL, "tracker": settings.TRACKER_URL},
        "report": {
            "advertiser": cast.FJELL.code,
            **_token(),
            "signer": cast.LUMEN.code,
            "key_id": cast.REPORT_KEY_ID,
            "secret": cast.REPORT_SECRET,
        },
        "links": {f"{cast.ALMA.name}, to {link.offer.name}": addresses.url(link)},
    }


def _token() -> dict[str, str]:
    """The shop's report token, unless a visitor has changed it since."""
    digest = crypto.digest(cast.REPORT_TOKEN)
    holds = Advertiser.objects.filter(code=cast.FJELL.code, report_token_digest=digest).exists()
    return {"token": cast.REPORT_TOKEN} if holds else {}


def _login(role: Role, person: Person) -> dict[str, str]:
    return {
        "role": role.value,
        "email": person.email,
        "password": cast.PASSWORD,
        "name": person.name,
    }
