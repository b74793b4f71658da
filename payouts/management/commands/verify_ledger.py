"""Look whether the books hold what they promise."""

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts.verify import ROWS_MAX, Finding, verify


class Command(BaseCommand):
    """Runs J1 to J12, prints a table, and ends with 1 where one is violated."""

    help = "Check the books: J1 to J12. Exit code 1 where one is violated."

    def add_arguments(self, parser: CommandParser) -> None:
        """One option: JSON for machines."""
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was found; SystemExit(1) for a violation."""
        findings = verify()
        for line in _json(findings) if options["json"] else _table(findings):
            self.stdout.write(line)
        if any(finding.rows for finding in findings):
            raise SystemExit(1)


def _table(findings: list[Finding]) -> list[str]:
    lines = []
    for finding in findings:
        check = finding.check
        note = f" ({check.not_applicable})" if check.not_applicable else ""
        lines.append(f"{check.code:<4} {finding.status:<15} {check.title}{note}")
        lines += [f"       {_row(row)}" for row in finding.rows]
        if len(finding.rows) == ROWS_MAX:
            lines.append(f"       … the first {ROWS_MAX}")
    return [*lines, _summary(findings)]


def _summary(findings: list[Finding]) -> str:
    counted = Counter(finding.status for finding in findings)
    statuses = ("violated", "clean", "not applicable")
    return ", ".join(f"{counted[status]} {status}" for status in statuses if counted[status])


def _json(findings: list[Finding]) -> list[str]:
    checks = [
        {
            "code": finding.check.code,
            "title": finding.check.title,
            "status": finding.status,
            "rows": finding.rows,
        }
        for finding in findings
    ]
    return [json.dumps({"clean": not any(f.rows for f in findings), "checks": checks}, default=str)]


def _row(row: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in row.items())
