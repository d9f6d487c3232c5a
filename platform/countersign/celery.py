"""The Celery application: it carries ids of durable rows, nothing that may not be lost.

Early acknowledgement and prefetch 1: a job lives in PostgreSQL, so a lost message is sent again and a
message delivered twice finds the row taken.
"""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import heartbeat_sent, setup_logging, worker_ready
from django.conf import settings

from countersign import signs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "countersign.settings")

app = Celery("countersign")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_connect_timeout": 2, "visibility_timeout": 3600},
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_default_queue="core",
    task_create_missing_queues=True,
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    timezone="UTC",
    beat_scheduler="countersign.beat:OneBeat",
    beat_schedule={
        "seal": {
            "task": "countersign.ledger.tasks.seal_pending",
            "schedule": 2.0,
            "options": {"queue": "core"},
        },
        "sweep": {"task": "countersign.jobs.tasks.sweep", "schedule": 5.0, "options": {"queue": "core"}},
        "upkeep": {
            "task": "countersign.upkeep.tasks.daily",
            "schedule": 86_400.0,
            "options": {"queue": "core"},
        },
    },
)
app.autodiscover_tasks(["countersign.jobs", "countersign.ledger", "countersign.upkeep"])


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Celery must not set logging up: settings did."""


@worker_ready.connect
@heartbeat_sent.connect
def note_heartbeat(**_: object) -> None:
    """Each worker notes every few seconds that it lives; /readyz says so when the note is missing."""
    signs.note_worker(settings.REDIS_URL, list(app.amqp.queues.consume_from))
