"""Jobs that give their place up until others have ended, and arithmetic that is broken off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from countersign import clock
from countersign.actors import Actor
from countersign.jobs import actions, handlers, runner
from countersign.jobs.handlers import JobContext, Wait
from countersign.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
KIND = "tests.waiting"
work: list[Callable[[JobContext], Any]] = []


@handlers.handler(KIND, title="Waiting of a test")
def _work(context: JobContext) -> None:
    work[-1](context)


def make(function: Callable[[JobContext], Any]) -> Job:
    work.append(function)
    with transaction.atomic():
        return actions.enqueue(kind=KIND, key="one", actor=Actor.system("shell"), args={})


def test_a_waiting_job_gives_its_place_up_and_uses_no_attempt() -> None:
    ready: list[bool] = []

    def wait(context: JobContext) -> None:
        context.step("Asking others", progress=0.4)
        if not ready:
            raise Wait("Waiting for others", ready=lambda: False)
        context.at_least = context.job.progress
        context.step("Going on", progress=0.1)

    job = make(wait)
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.claim, job.message) == ("queued", 0, None, "Waiting for others")
    assert job.run_after > clock.now()
    runner.run(job.id)  # nobody takes it up before it is woken
    assert Job.objects.get(id=job.id).attempts == 0
    actions.tell_waiting(job=job.id, progress=0.6, message="2 of 3 done")
    job.refresh_from_db()
    assert (job.progress, job.message) == (0.6, "2 of 3 done")
    actions.wake(job=job.id)
    ready.append(True)
    seen: list[float] = []
    work.append(lambda context: (wait(context), seen.append(Job.objects.get(id=job.id).progress)))
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.attempts, seen) == ("succeeded", 1, [0.6])


def test_who_was_ready_before_it_was_laid_aside_is_woken_at_once() -> None:
    def wait(context: JobContext) -> None:
        raise Wait("Waiting for others", ready=lambda: True)

    job = make(wait)
    runner.run(job.id)
    job.refresh_from_db()
    assert job.state == "queued"
    assert job.run_after <= clock.now()


def test_a_waiting_job_is_cancelled_at_once() -> None:
    def wait(context: JobContext) -> None:
        raise Wait("Waiting for others", ready=lambda: False)

    job = make(wait)
    runner.run(job.id)
    actions.cancel_job(job=Job.objects.get(id=job.id), actor=Actor.system("shell"))
    actions.wake(job=job.id)
    assert Job.objects.get(id=job.id).state == "cancelled"


def test_arithmetic_that_asks_nobody_is_broken_off_within_two_seconds() -> None:
    begun = threading.Event()

    def calculate(context: JobContext) -> None:
        with context.interrupting():
            begun.set()
            while True:
                sum(range(10_000))

    job = make(calculate)

    def run() -> None:
        runner.run(job.id)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(10)
    asked = time.monotonic()
    actions.cancel_job(job=Job.objects.get(id=job.id), actor=Actor.system("shell"))
    thread.join(10)
    assert not thread.is_alive()
    assert time.monotonic() - asked < 2
    assert Job.objects.get(id=job.id).state == "cancelled"


def test_arithmetic_that_ends_by_itself_is_left_alone() -> None:
    def calculate(context: JobContext) -> None:
        for _ in range(20):
            with context.interrupting():
                context.progress(0.5, "Calculating")
        context.step("Writing")

    job = make(calculate)
    runner.run(job.id)
    assert Job.objects.get(id=job.id).state == "succeeded"
