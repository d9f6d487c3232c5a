"""`manage.py verify`: prove that nothing was changed behind the application."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from countersign.ledger.verification import own_anchors, verify


class Command(BaseCommand):
    """Prints the report; exits with 1 when anything does not hold."""

    help = "Recompute the ledger and compare it with its anchors, its checkpoints and the tables it tells of."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--anchor",
            type=Path,
            action="append",
            default=[],
            help="another checkpoint file, or folder with a checkpoint and tiles, kept outside this machine",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify(anchors=own_anchors() + options["anchor"])
        for line in report.lines():
            self.stdout.write(line)
        if not report.ok:
            raise CommandError("The ledger does not hold; see the findings above.")
