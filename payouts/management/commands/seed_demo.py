"""Makes the demo network, once: an invented cast and six weeks of its business."""

from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from network.celery import silence
from network.progress import say
from partners.models import User
from payouts.demo import cast, handbill, story

# Two at once would each find nobody.
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('seed_demo', 0))"


class Command(BaseCommand):
    """`manage.py seed_demo`; in one transaction, so one that was killed has left nothing."""

    help = "Fill an empty network with demo data; a second call changes nothing."

    def handle(self, **_: Any) -> None:
        """Tell the story where nobody of the cast is there yet, and write `demo.json`."""
        if settings.MODE == "production":
            raise CommandError("The demo's keys are known to everybody: not with MODE=production.")
        with silence(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_ALONE)
            if User.objects.filter(email=cast.OPERATOR.email).exists():
                say("The demo network is here already; nothing was changed.")
            else:
                story.tell()
        settings.STATE_DIR.mkdir(parents=True, exist_ok=True)
        handbill.write(settings.STATE_DIR / "demo.json")
