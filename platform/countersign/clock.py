"""The only clock of the actions. Tests move it through the setting CLOCK_OFFSET_SECONDS; production cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings


def now() -> datetime:
    """The present instant, aware, in UTC."""
    offset: float = getattr(settings, "CLOCK_OFFSET_SECONDS", 0)
    return datetime.now(UTC) + timedelta(seconds=offset)


def stamp(instant: datetime) -> str:
    """An instant as the ledger writes it: UTC with microseconds and Z (`isoformat` would drop zeros)."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
