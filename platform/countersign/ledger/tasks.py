"""The Celery task that seals. It runs on queue “core”, whose workers hold the ledger's key."""

from __future__ import annotations

from celery import shared_task

from countersign.ledger.sealer import seal_now


@shared_task(ignore_result=True)
def seal_pending() -> None:
    """Seal what is pending; doing it twice, or at the same time, does no harm."""
    seal_now()
