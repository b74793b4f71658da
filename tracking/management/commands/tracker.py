"""`manage.py tracker`: the state of this host's spool, and the program that drains it."""

import dataclasses
import json
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from network.dsn import conninfo
from tracking.clicks import backlog, drain
from tracking.clicks.backlog import Backlog


class Command(BaseCommand):
    """`status` ends with 1 where something needs a person; `drain` runs until it is stopped."""

    help = "The spool of this host's tracker: its status, and its drainer."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and how."""
        doing = parser.add_subparsers(dest="doing", required=True, metavar="{status,drain}")
        status = doing.add_parser("status", help="print what waits; exit code 1 for an alarm")
        status.add_argument("--json", action="store_true", help="print JSON instead of a table")
        draining = doing.add_parser("drain", help="load spooled rows into PostgreSQL, for ever")
        draining.add_argument("--once", action="store_true", help="look once; 1 where some stay")

    def handle(self, *args: Any, doing: str, **options: Any) -> None:
        """Do it; SystemExit(1) for an alarm, or for a file that could not be loaded."""
        if doing == "status":
            self._status(as_json=options["json"])
        else:
            self._drain(once=options["once"])

    def _status(self, *, as_json: bool) -> None:
        found = backlog.look(settings.SPOOL_DIR, bytes_max=settings.SPOOL_BYTES_MAX)
        for line in _json(found) if as_json else _table(found):
            self.stdout.write(line)
        if found.alarms:
            raise SystemExit(1)

    def _drain(self, *, once: bool) -> None:
        # At any point: what is half done when it ends is done again by the next drainer.
        signal.signal(signal.SIGTERM, _end)
        signal.signal(signal.SIGINT, _end)
        address = conninfo(settings.DATABASES["default"])
        if not once:
            drain.run(settings.SPOOL_DIR, address)
        elif not drain.drain(settings.SPOOL_DIR, address):
            raise SystemExit(1)


def _table(found: Backlog) -> list[str]:
    rows = {
        "Directory": settings.SPOOL_DIR,
        "Files": f"{found.files}, of which {found.held} in use by a tracker or a drainer",
        "Rows": f"{found.rows:,}",
        "Bytes": f"{found.bytes:,} of {found.bytes_max:,} ({found.share:.0%})",
        "Oldest": f"{found.oldest_s} s",
        "Kept aside": f"{found.damaged} damaged, {found.rejected} with rejected rows",
    }
    lines = [f"{name:<12}{value}" for name, value in rows.items()]
    return lines + ([f"ALARM: {alarm}" for alarm in found.alarms] or ["fine"])


def _json(found: Backlog) -> list[str]:
    shown = dataclasses.asdict(found) | {"share": round(found.share, 4), "alarms": found.alarms}
    return [json.dumps(shown)]


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)
