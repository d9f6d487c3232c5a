"""When the last backup was made, as `manage.py backup` notes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from countersign import clock
from countersign.upkeep import backups
from countersign.upkeep.doctor.findings import Finding, ok, weak

OLD = timedelta(days=2)


def examine() -> Iterator[Finding]:
    """One finding."""
    do = "Run `manage.py backup FOLDER` every day from cron, onto another disk (docs/operating.md, Backup)."
    known = backups.last()
    if known is None:
        yield weak(
            "Backup", "none is known", why="A lost disk takes every decision and model with it.", do=do
        )
        return
    made, folder = known
    age = clock.now() - made
    seen = f"{made:%Y-%m-%d %H:%M} UTC, to {folder}"
    if age > OLD:
        yield weak("Backup", f"old: {seen}", why=f"What happened in {age.days} days would be lost.", do=do)
    else:
        yield ok("Backup", seen)
