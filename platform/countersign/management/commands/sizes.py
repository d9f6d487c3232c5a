"""`manage.py sizes`: what takes room, for planning disks."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from countersign.upkeep.sizes import measure


class Command(BaseCommand):
    """Prints one line for each thing that grows: how many, how many bytes, how many bytes each."""

    help = "Say how many entries, versions, evaluations and blobs there are and what room they take."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{'':24}{'count':>10}{'bytes':>16}{'bytes each':>14}")
        for size in measure():
            self.stdout.write(f"{size.name:24}{size.count:>10,}{size.size:>16,}{size.each:>14,}")
