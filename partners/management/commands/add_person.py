"""Brings in the network's own people: the first operator has nobody who could do it by API."""

import getpass
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from network import clock
from network.errors import PeractionError
from partners import keys, people
from partners.auth import actor_of_person
from partners.models import Membership, Organisation, Role
from partners.scopes import SCOPES


class Command(BaseCommand):
    """`manage.py add_person olga@network.example --role operator [--key NAME]`"""

    help = "Add an operator or a finance person to the network's own organisation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--role", choices=[Role.OPERATOR, Role.FINANCE], required=True)
        parser.add_argument("--name", default="")
        parser.add_argument("--key", metavar="NAME", help="also issue an API key of this name")

    def handle(self, *, email: str, role: str, name: str, key: str | None, **_: Any) -> None:
        """Ask for a password (or read it from a pipe), add the person, print what was made."""
        password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            with transaction.atomic():
                member = people.add_member(
                    organisation=_own_organisation(),
                    role=Role(role),
                    email=email,
                    name=name,
                    password=password,
                )
                made = {"email": member.user.email, "role": role}
                if key:
                    made["key"] = _key(member, key)
        except PeractionError as error:
            raise CommandError(f"{error} ({error.code})") from error
        self.stdout.write(json.dumps(made))


def _own_organisation() -> Organisation:
    """The organisation that is nobody's partner; made with the first person."""
    own = Organisation.objects.filter(advertiser=None, affiliate=None).order_by("pk").first()
    return own or Organisation.objects.create(name="Network", created_at=clock.now())


def _key(member: Membership, name: str) -> str:
    actor = actor_of_person(member.user, membership_id=str(member.pk))
    _, bearer = keys.issue(actor=actor, name=name, scopes=SCOPES[Role(member.role)])
    return bearer
