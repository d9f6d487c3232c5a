"""However badly it goes, a job ends, once and readably: its failure hook breaks, the database goes, a watcher of the
interpreter listens, a library swallows what was to end it."""

from __future__ import annotations

import cProfile
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from countersign import clock
from countersign.actors import Actor
from countersign.jobs import actions, handlers, runner
from countersign.jobs.handlers import JobContext, JobFailed
from countersign.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
KIND = "tests.endings"
work: list[Callable[[JobContext], Any]] = []
hooks: list[Callable[[Job, JobFailed], None]] = []
told: list[str] = []


@handlers.handler(KIND, title="Ending of a test")
def _work(context: JobContext) -> None:
    work[-1](context)


@handlers.on_failure(KIND)
def _failed(job: Job, failure: JobFailed, actor: Actor) -> None:
    hooks[-1](job, failure)
    told.append(failure.code)


@pytest.fixture(autouse=True)
def _clean() -> None:
    told.clear()
    hooks[:] = [lambda job, failure: None]
    work[:] = [fail]


def fail(context: JobContext) -> None:
    context.step("Reading")
    raise JobFailed("wrong_schema", "The dataset lacks the column age.", said="KeyError: age")


def make(key: str = "one", **fields: Any) -> Job:
    with transaction.atomic():
        job = actions.enqueue(kind=KIND, key=key, actor=Actor.system("shell"), args={})
    Job.objects.filter(id=job.id).update(**fields)
    return job


def silent(key: str, attempts: int) -> Job:
    """A job whose worker was lost."""
    then = clock.now() - timedelta(seconds=settings.JOB_LEASE_SECONDS + 1)
    step = {"name": "Reading", "detail": "holdout v1", "state": "running", "started_at": "", "ended_at": None}
    job = make(key, state="running", attempts=attempts, started_at=then, heartbeat_at=then, steps=[step])
    Job.objects.filter(id=job.id).update(claim=job.act)
    return job


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def divide(job: Job, failure: JobFailed) -> None:
    sql("SELECT 1 / 0")


def wait_too_long(job: Job, failure: JobFailed) -> None:
    sql("SET LOCAL statement_timeout = 20")
    sql("SELECT pg_sleep(5)")


def lose_the_connection(job: Job, failure: JobFailed) -> None:
    sql("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_failure_hook_that_meets_an_error_does_not_keep_the_job_from_ending() -> None:
    hooks.append(divide)
    job = make()
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.failure_code, job.attempts, told) == ("failed", "unexpected", 1, [])
    assert str(job.id) in job.failure
    assert job.steps[0]["state"] == "failed"
    assert runner.sweep() == {"sent": 0, "taken_back": 0, "ended": 0}


def test_a_failure_hook_that_cannot_take_this_failure_is_given_a_plain_one() -> None:
    hooks.append(lambda job, failure: divide(job, failure) if failure.said else None)
    job = make()
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.failure_code, told) == ("failed", "unexpected", ["unexpected"])


@pytest.mark.parametrize("trouble", [wait_too_long, lose_the_connection], ids=["timeout", "connection"])
def test_passing_trouble_of_the_database_in_the_hook_costs_an_attempt_and_no_more(
    trouble: Callable[[Job, JobFailed], None],
) -> None:
    hooks.append(trouble)
    job = make()
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("running", 1)
    then = clock.now() - timedelta(seconds=settings.JOB_LEASE_SECONDS + 1)
    Job.objects.filter(id=job.id).update(heartbeat_at=then)
    assert runner.sweep()["taken_back"] == 1
    hooks.pop()
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.failure_code, job.attempts, told) == (
        "failed",
        "wrong_schema",
        2,
        ["wrong_schema"],
    )


def test_a_lost_job_that_cannot_be_ended_now_holds_up_no_other() -> None:
    stuck, other = silent("stuck", 3), silent("other", 3)
    hooks.append(lambda job, failure: wait_too_long(job, failure) if job.id == stuck.id else None)
    assert runner.sweep()["ended"] == 1
    assert [Job.objects.get(id=job.id).state for job in (stuck, other)] == ["running", "failed"]
    hooks.pop()
    assert runner.sweep()["ended"] == 1
    stuck.refresh_from_db()
    assert stuck.failure.startswith(
        "Its worker was lost 3 times while it ran, the last time at the step “Reading” (holdout v1). It is not tried"
    )
    assert (stuck.state, stuck.failure_code, told) == ("failed", "worker_lost", ["worker_lost"] * 2)


def test_what_a_file_holds_in_its_names_can_be_told() -> None:
    def fail_badly(context: JobContext) -> None:
        context.step("Reading", "a\0b")
        context.progress(0.5, "a\0b\udc80")
        context.log("a\0b")
        raise JobFailed("wrong_schema", "The column a\0b\udc80 is missing.", said="\0")

    work.append(fail_badly)
    job = make()
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.failure_code, job.failure) == ("wrong_schema", "The column a\ufffdb? is missing.")
    assert [line.text for line in job.lines.all()] == ["a\ufffdb"]


@contextmanager
def profiled() -> Iterator[None]:
    profile = cProfile.Profile()
    with profile:
        yield


@contextmanager
def traced() -> Iterator[None]:
    """As a debugger or a measure of coverage listens."""
    before = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        yield
    finally:
        sys.settrace(before)


def cancelled_in_the_midst(calculate: Callable[[], None], watched: Any = None) -> float:
    """Seconds from a request to cancel arithmetic until its job has ended."""
    begun = threading.Event()

    def work_on(context: JobContext) -> None:
        with context.interrupting():
            begun.set()
            calculate()

    work.append(work_on)
    job = make()

    def run() -> None:
        if watched is None:
            runner.run(job.id)
        else:
            with watched():
                runner.run(job.id)
        connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert begun.wait(10)
    asked = time.monotonic()
    actions.cancel_job(job=Job.objects.get(id=job.id), actor=Actor.system("shell"))
    thread.join(10)
    assert not thread.is_alive()
    assert Job.objects.get(id=job.id).state == "cancelled"
    assert told == ["cancelled"]
    return time.monotonic() - asked


def count() -> None:
    """Arithmetic without end that asks nobody; most of its time it lets others have the processor."""
    never = threading.Event()
    while not never.wait(0.02):
        sum(range(1_000))


@pytest.mark.parametrize("watched", [profiled, traced])
def test_arithmetic_is_broken_off_though_a_profiler_or_a_tracer_listens(watched: Any) -> None:
    assert cancelled_in_the_midst(count, watched) < 2


def test_a_library_that_swallows_what_breaks_it_off_is_told_again() -> None:
    swallowed: list[str] = []

    def swallow() -> None:
        try:
            count()
        except Exception as error:
            swallowed.append(type(error).__name__)
        count()

    assert cancelled_in_the_midst(swallow) < 4
    assert swallowed == ["Cancelled"]
