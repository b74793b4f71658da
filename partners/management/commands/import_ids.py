"""Brings in what another platform called the things that have moved here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from network.errors import BadInput
from partners import moved
from partners.models import ExternalId

_PLACE: Final = re.compile(r"/rows/(\d+)(?:/(\w+))?")


class Command(BaseCommand):
    """`manage.py import_ids --dialect tune ids.csv [--replace]`"""

    help = "Import the ids of another platform from CSV: kind,external_id,internal_id or code."

    def add_arguments(self, parser: CommandParser) -> None:
        """The platform, the file, and whether ids may change their meaning."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--dialect", choices=ExternalId.Dialect.values, required=True)
        parser.add_argument(
            "--replace", action="store_true", help="let ids mean something else from now on"
        )

    def handle(self, *, file: Path, dialect: str, replace: bool, **_: Any) -> None:
        """Import the file and say what was done, or every fault with its line."""
        rows: dict[int, moved.NewId] = {}
        try:
            # Spreadsheets put a mark of their own before UTF-8.
            with file.open(encoding="utf-8-sig", newline="") as lines:
                rows = moved.read_csv(lines)
            counts = moved.import_ids(list(rows.values()), dialect, replace=replace)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        except BadInput as error:
            raise CommandError("\n".join(_said(error, list(rows)))) from error
        self.stdout.write(
            f"{dialect}: {counts.added} added, {counts.same} there already,"
            f" {counts.replaced} replaced"
        )


def _said(error: BadInput, lines: list[int]) -> Iterator[str]:
    """The error in words, and a line for each fault."""
    if not error.errors:
        yield f"{error} ({error.code})"
        return
    number = len(error.errors)
    yield f"Nothing is imported: {number} {'fault' if number == 1 else 'faults'}."
    for fault in error.errors:
        place = _PLACE.fullmatch(fault.pointer)
        where = f"line {lines[int(place[1])]}: {place[2]}" if place and place[2] else "the file"
        yield f"{where}: {fault.detail} ({fault.code})"
