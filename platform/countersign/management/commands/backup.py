"""`manage.py backup FOLDER`: database, blobs and the ledger's anchor, whole or not at all."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from countersign.upkeep.backups import BackupFailed, back_up


class Command(BaseCommand):
    """Prints the folder of the new backup. Safe while the platform works."""

    help = (
        "Back up the database, the blobs and the ledger's anchor below FOLDER. The keys are kept elsewhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", type=Path, help="on another disk; blobs in it are shared by all backups"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(str(back_up(options["folder"].absolute())))
        except BackupFailed as error:
            raise CommandError(error.message) from None
