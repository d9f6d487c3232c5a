"""`manage.py restore BACKUP`: put a backup in place on an empty database."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from countersign.upkeep.backups import BackupFailed, restore


class Command(BaseCommand):
    """Run as the owner (DATABASE_OWNER_URL), with nothing else running; then `migrate` and `verify`."""

    help = "Restore a backup made by `backup`: into an empty database, with DATABASE_OWNER_URL."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", type=Path, help="the folder `backup` printed")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            restore(options["backup"].absolute())
        except BackupFailed as error:
            raise CommandError(error.message) from None
        self.stdout.write("Restored. Now run `manage.py migrate`, then `manage.py verify`.")
