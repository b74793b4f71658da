"""`manage.py sweep`: run the periodic tasks here and now, without broker, worker or beat."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from network.celery import app


class Command(BaseCommand):
    """Runs tasks of BEAT_SCHEDULE by name, by default all, in the order of the schedule."""

    help = "Run periodic tasks once, or until none of them finds anything to do."

    def add_arguments(self, parser: CommandParser) -> None:
        """Names of tasks, and whether to go on until they are idle."""
        parser.add_argument("names", nargs="*", metavar="name", help="such as tracking.judge")
        parser.add_argument(
            "--until-empty", action="store_true", help="repeat until a round does nothing"
        )

    def handle(self, *args: Any, names: list[str], until_empty: bool, **options: Any) -> None:
        """Run the tasks and say what each has done; CommandError for an unknown name."""
        if unknown := sorted(set(names) - set(settings.BEAT_SCHEDULE)):
            known = ", ".join(settings.BEAT_SCHEDULE)
            raise CommandError(f"no such task: {', '.join(unknown)}; there are {known}")
        app.loader.import_default_modules()
        while self._round(names or list(settings.BEAT_SCHEDULE)) and until_empty:
            pass

    def _round(self, names: list[str]) -> int:
        total = 0
        for name in names:
            # A task called is a function: no broker is asked.
            if done := app.tasks[name]() or 0:
                self.stdout.write(f"{name}: {done}")
                total += done
        return total
