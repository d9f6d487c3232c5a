"""What beat starts once a day."""

from __future__ import annotations

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction

from countersign.actors import Actor
from countersign.jobs.actions import enqueue


@shared_task(name="countersign.upkeep.tasks.daily")
def daily() -> None:
    """Forget sessions that ran out, and collect blobs nobody uses."""
    SessionStore.clear_expired()
    with transaction.atomic():
        enqueue(kind="blobs.collect", key="daily", actor=Actor.system("beat"), args={})
