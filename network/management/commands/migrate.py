"""`migrate` as Django's, but as the owner of the tables: the application may not change them."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate


class Command(migrate.Command):
    """Migrates the alias `owner` by default."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the owner's address."""
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate; CommandError without an owner, because Django would only note it as done."""
        if options["database"] != "owner" or "owner" not in settings.DATABASES:
            raise CommandError("Migrations run as the owner: set DATABASE_OWNER_URL.")
        super().handle(*args, **options)
