"""The Celery tasks of jobs: they carry an id, never work."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from countersign.jobs import runner


@shared_task(name="countersign.jobs.tasks.run_job")
def run_job(job: str) -> None:
    """Run one job by id."""
    runner.run(UUID(job))


@shared_task(name="countersign.jobs.tasks.sweep")
def sweep() -> None:
    """Send lost jobs again; take back those of silent workers."""
    runner.sweep()
