"""Durable jobs: made with their action, run once, ended once, never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from celery import Celery
from django.conf import settings as django_settings
from django.db import connection, transaction

from countersign import broker, clock
from countersign.actors import Actor
from countersign.errors import Conflict
from countersign.jobs import actions, handlers, runner
from countersign.jobs.handlers import Cancelled, ClaimLost, JobContext, JobFailed, Retry
from countersign.jobs.models import Job, JobState
from countersign.ledger.models import Entry

pytestmark = pytest.mark.django_db(transaction=True)
KIND = "tests.work"
ended_with: list[tuple[str, str]] = []
work: list[Callable[[JobContext], dict[str, Any] | None]] = []


@handlers.handler(KIND, title="Work of a test")
def _work(context: JobContext) -> dict[str, Any] | None:
    return work[-1](context)


@handlers.on_failure(KIND)
def _failed(job: Job, failure: JobFailed, actor: Actor) -> None:
    ended_with.append((str(job.id), failure.code))


@pytest.fixture(autouse=True)
def _clean() -> None:
    work.clear()
    ended_with.clear()


def make(key: str = "one") -> Job:
    with transaction.atomic():
        return actions.enqueue(kind=KIND, key=key, actor=Actor.system("shell"), args={"n": 1})


def doing(function: Callable[[JobContext], dict[str, Any] | None]) -> None:
    work.append(function)


def verbs() -> list[str]:
    return [orjson.loads(bytes(entry.canonical))["verb"] for entry in Entry.objects.order_by("id")]


def test_a_job_needs_the_transaction_of_its_action() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        actions.enqueue(kind=KIND, key="one", actor=Actor.system(), args={})


def test_a_rolled_back_action_leaves_no_job() -> None:
    with transaction.atomic():
        actions.enqueue(kind=KIND, key="one", actor=Actor.system(), args={})
        transaction.set_rollback(True)
    assert not Job.objects.exists()


def test_the_same_live_key_is_the_same_job() -> None:
    first = make()
    assert make().id == first.id
    doing(lambda context: {"done": 1})
    runner.run(first.id)
    assert make().id != first.id


def test_it_runs_and_ends_with_its_result() -> None:
    job = make()
    doing(lambda context: {"seen": context.args["n"]})
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.result, job.attempts, job.progress) == ("succeeded", {"seen": 1}, 1, 1)
    assert job.ended_at is not None


def test_a_dead_broker_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as dead:
        dead.setattr(broker, "app", Celery("dead", broker="redis://127.0.0.1:1/0"))
        job = make()
    job.refresh_from_db()
    assert (job.state, job.sent_at) == ("queued", None)
    assert runner.sweep()["sent"] == 1
    job.refresh_from_db()
    assert job.sent_at is not None


def test_a_job_the_broker_forgot_is_sent_again() -> None:
    job = make()
    Job.objects.filter(id=job.id).update(sent_at=clock.now() - timedelta(seconds=runner.RESEND_SECONDS + 1))
    assert runner.sweep()["sent"] == 1
    assert runner.sweep()["sent"] == 0


def test_two_workers_one_runs() -> None:
    job = make()
    ran: list[int] = []
    doing(lambda context: ran.append(1))  # type: ignore[func-returns-value]
    barrier = threading.Barrier(2)

    def worker() -> None:
        barrier.wait()
        runner.run(job.id)
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ran == [1]


def test_a_failure_is_a_sentence_and_ends_what_belongs_to_it() -> None:
    job = make()

    def fail(context: JobContext) -> None:
        context.step("Reading")
        raise JobFailed("wrong_schema", "The dataset lacks the column age.")

    doing(fail)
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.failure_code, job.failure) == (
        "failed",
        "wrong_schema",
        "The dataset lacks the column age.",
    )
    assert job.steps[0]["state"] == "failed"
    assert ended_with == [(str(job.id), "wrong_schema")]


def test_our_own_crash_names_a_reference_and_no_detail() -> None:
    job = make()

    def crash(context: JobContext) -> None:
        raise ZeroDivisionError("secret detail")

    doing(crash)
    runner.run(job.id)
    job.refresh_from_db()
    assert job.failure_code == "unexpected"
    assert str(job.id) in job.failure
    assert "secret detail" not in job.failure


def test_passing_trouble_is_tried_again_until_the_attempts_are_used_up() -> None:
    job = make()

    def trouble(context: JobContext) -> None:
        raise Retry("The store did not answer.", after_seconds=0)

    doing(trouble)
    for attempt in range(1, job.attempts_allowed):
        runner.run(job.id)
        job.refresh_from_db()
        assert (job.state, job.attempts) == ("queued", attempt)
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.failure_code) == ("failed", "attempts_used_up")


def test_cancelled_before_it_began() -> None:
    job = make()
    actions.cancel_job(job=job, actor=Actor.system())
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert ended_with == [(str(job.id), "cancelled")]
    assert verbs() == ["jobs.job.cancelled"]
    runner.run(job.id)
    job.refresh_from_db()
    assert job.attempts == 0
    with pytest.raises(Conflict, match="already cancelled"):
        actions.cancel_job(job=job, actor=Actor.system())


def test_cancelled_while_it_runs() -> None:
    job = make()

    def run_until_told(context: JobContext) -> None:
        actions.cancel_job(job=context.job, actor=Actor.system())
        deadline = clock.now() + timedelta(seconds=5)
        while not context.cancelled():
            assert clock.now() < deadline, "nobody told the handler within five seconds"
        context.check()

    doing(run_until_told)
    runner.run(job.id)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_if_the_entry_cannot_be_written_nothing_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    job = make()

    def broken(**_: Any) -> None:
        raise RuntimeError("the ledger is gone")

    monkeypatch.setattr(actions, "append_entry", broken)
    with pytest.raises(RuntimeError):
        actions.cancel_job(job=job, actor=Actor.system())
    job.refresh_from_db()
    assert (job.state, job.cancel_requested) == ("queued", False)
    assert ended_with == [] or not Entry.objects.exists()


def test_retry_runs_a_failed_job_again_and_is_recorded() -> None:
    job = make()

    def fail(context: JobContext) -> None:
        raise JobFailed("trouble", "It did not work.")

    doing(fail)
    runner.run(job.id)
    doing(lambda context: {"ok": 1})
    actions.retry_job(job=job, actor=Actor.system())
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.result, job.failure) == ("succeeded", {"ok": 1}, "")
    assert verbs() == ["jobs.job.retried"]
    with pytest.raises(Conflict, match="Only a failed or cancelled job"):
        actions.retry_job(job=job, actor=Actor.system())


def test_a_silent_worker_loses_its_job_to_another_and_writes_nothing_more() -> None:
    job = make()
    lost: list[str] = []

    def go_silent(context: JobContext) -> None:
        silent = clock.now() - timedelta(seconds=django_settings.JOB_LEASE_SECONDS + 1)
        Job.objects.filter(id=job.id).update(heartbeat_at=silent)
        assert runner.sweep()["taken_back"] == 1
        try:
            with context.finishing({"by": "the lost one"}):
                pass
        except ClaimLost:
            lost.append("yes")
            raise

    doing(go_silent)
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, lost) == ("queued", ["yes"])
    doing(lambda context: {"by": "another"})
    runner.run(job.id)
    job.refresh_from_db()
    assert (job.state, job.result, job.attempts) == ("succeeded", {"by": "another"}, 2)


def test_a_job_whose_workers_die_again_and_again_ends_failed() -> None:
    job = make()
    silent = clock.now() - timedelta(seconds=django_settings.JOB_LEASE_SECONDS + 1)
    Job.objects.filter(id=job.id).update(
        state="running", attempts=3, claim=job.act, started_at=silent, heartbeat_at=silent
    )
    assert runner.sweep()["ended"] == 1
    job.refresh_from_db()
    assert (job.state, job.failure_code) == ("failed", "worker_lost")
    assert ended_with == [(str(job.id), "worker_lost")]


def test_what_is_finished_and_the_success_commit_together() -> None:
    job = make()

    def half(context: JobContext) -> None:
        with context.finishing():
            make("written inside")
            raise ZeroDivisionError

    doing(half)
    runner.run(job.id)
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert not Job.objects.filter(key="written inside").exists()


def test_steps_and_progress_are_kept_with_their_times() -> None:
    job = make()

    def walk(context: JobContext) -> None:
        context.step("First", "of two")
        context.step("Second", progress=0.5)
        context.progress(0.9, "41 of 45 rows")
        context.log("a line for people")

    doing(walk)
    runner.run(job.id)
    job.refresh_from_db()
    assert [(step["name"], step["state"]) for step in job.steps] == [("First", "done"), ("Second", "done")]
    assert job.steps[1]["detail"] == "41 of 45 rows"
    assert [line.text for line in job.lines.all()] == ["a line for people"]


def test_check_raises_cancelled() -> None:
    context = JobContext(make(), Actor.system(), is_cancelled=True)
    with pytest.raises(Cancelled):
        context.check()
