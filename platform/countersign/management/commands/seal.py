"""`manage.py seal`: seal everything that waits, now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from countersign.ledger.anchors import AnchorAhead
from countersign.ledger.keys import KeyMissing
from countersign.ledger.queries import seal_all
from countersign.ledger.sealer import LedgerMissing, WrongKey


class Command(BaseCommand):
    """Prints the checkpoint that covers every entry."""

    help = "Seal every pending ledger entry and print the newest checkpoint. Needs the ledger's key."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            checkpoint = seal_all()
        except (AnchorAhead, KeyMissing, LedgerMissing, WrongKey, TimeoutError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(checkpoint.note, ending="")
