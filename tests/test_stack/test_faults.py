"""Faults a running instance survives: a killed worker, an emptied broker, a cut upload, a row changed by SQL."""

from __future__ import annotations

import json
import os
import signal
import socket
from typing import Any

import httpx

from countersign.jobs.runner import RESEND_SECONDS
from tests.stack import MODEL, Stack, Told, until

HOLDOUT = "credit-default-holdout"


def ask(engineer: httpx.Client, version: int, **more: str) -> dict[str, Any]:
    """Ask for another evaluation of a version."""
    body = {"model": MODEL, "version": version, "dataset": HOLDOUT, "dataset_version": 1} | more
    answer = engineer.post("evaluations", json=body)
    assert answer.status_code == 202, answer.text
    asked: dict[str, Any] = answer.json()
    return asked


def ended(engineer: httpx.Client, number: int, seconds: float = 90) -> dict[str, Any]:
    """The evaluation once it has ended."""

    def find() -> dict[str, Any] | None:
        found: dict[str, Any] = engineer.get(f"evaluations/{number}").json()
        return found if found["state"] != "waiting" else None

    evaluation: dict[str, Any] = until(find, seconds=seconds, what=f"evaluation {number}")
    return evaluation


def entries_about(stack: Stack, verb: str, evaluation: int) -> int:
    """How many entries of a verb tell of this evaluation."""
    rows = stack.sql(
        "SELECT count(*) FROM ledger_entry e JOIN governance_evaluation g"
        " ON convert_from(e.canonical, 'UTF8')::jsonb #>> '{subject,ref}' = g.id::text"
        " WHERE g.number = %s AND convert_from(e.canonical, 'UTF8')::jsonb ->> 'verb' = %s",
        evaluation,
        verb,
    )
    return int(rows[0][0])


def test_a_worker_killed_in_mid_evaluation_ends_the_job_exactly_once(
    stack: Stack, told: Told, engineer: httpx.Client
) -> None:
    asked = ask(engineer, 2, suite="quick-binary")
    until(lambda: stack.job(asked["job"])["state"] == "running", seconds=30, what="the job to run")
    stack.kill("worker")
    stack.start_one("worker")
    evaluation = ended(engineer, asked["number"])
    assert evaluation["state"] == "succeeded", evaluation["failure"]
    assert stack.job(asked["job"])["attempts"] == 2
    assert entries_about(stack, "governance.evaluation.succeeded", asked["number"]) == 1


def test_a_process_that_crashes_ends_its_evaluation_and_no_other(
    stack: Stack, told: Told, engineer: httpx.Client
) -> None:
    # As a native reader of the data would crash; its process alone is gone, the worker goes on with another.
    asked, other = (ask(engineer, version, suite="quick-binary") for version in (1, 2))

    def busy() -> dict[str, Any] | None:
        job = stack.job(asked["job"])
        return job if job["steps"] else None

    running = until(busy, seconds=30, what="the evaluation to take a step")
    stack.sql("UPDATE jobs_job SET attempts_allowed = attempts WHERE id = %s", asked["job"])
    os.kill(int(running["worker"].rpartition(":")[2]), signal.SIGSEGV)
    evaluation = ended(engineer, asked["number"])
    assert (evaluation["state"], evaluation["failure_code"]) == ("failed", "worker_lost")
    assert "at the step “" in evaluation["failure"]
    assert entries_about(stack, "governance.evaluation.failed", asked["number"]) == 1
    assert ended(engineer, other["number"])["state"] == "succeeded"


def test_a_second_run_gives_the_same_results_byte_for_byte(
    stack: Stack, told: Told, engineer: httpx.Client
) -> None:
    runs = engineer.get("evaluations", params={"model": MODEL, "version": 2}).json()["results"]
    again = ended(engineer, ask(engineer, 2)["number"])
    assert again["results_digest"] == runs[-1]["results_digest"]
    assert again["circumstances_digest"] != runs[-1]["circumstances_digest"]
    first, second = (
        engineer.get(f"evaluations/{number}/results").content
        for number in (runs[-1]["number"], again["number"])
    )
    assert first == second


def test_an_emptied_broker_loses_nothing(stack: Stack, told: Told, engineer: httpx.Client) -> None:
    stack.kill("worker")
    asked = ask(engineer, 1, suite="quick-binary")
    stack.broker_empty()
    later = (
        "UPDATE jobs_job SET sent_at = sent_at - make_interval(secs => %s) WHERE id = %s AND state = 'queued'"
    )
    stack.sql(later, RESEND_SECONDS, asked["job"])  # as if the message had been on its way for as long
    stack.start_one("worker")
    assert ended(engineer, asked["number"])["state"] == "succeeded"


def test_a_cut_upload_leaves_no_half_version(stack: Stack, told: Told, engineer: httpx.Client) -> None:
    before = engineer.get(f"models/{MODEL}/versions").json()["results"]
    token = engineer.headers["Authorization"]
    metadata = json.dumps({"signature": {"features": [{"name": "x", "type": "double"}]}})
    body = (
        '--cut\r\nContent-Disposition: form-data; name="metadata"\r\n'
        f"Content-Type: application/json\r\n\r\n{metadata}\r\n"
        '--cut\r\nContent-Disposition: form-data; name="file"; filename="model.joblib"\r\n\r\n'
        + "x"
        * 100_000
    ).encode()
    head = (
        f"POST /api/v1/models/{MODEL}/versions HTTP/1.1\r\nHost: 127.0.0.1:{stack.port}\r\nAuthorization: {token}\r\n"
        f"Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: {len(body) + 5_000_000}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", stack.port)) as connection:
        connection.sendall(head + body)
    until(
        lambda: not list((stack.home / "blobs").rglob("*.part*")),
        seconds=20,
        what="the arriving file to be removed",
    )
    after = engineer.get(f"models/{MODEL}/versions").json()["results"]
    assert [one["number"] for one in after] == [one["number"] for one in before]


def test_a_row_changed_by_sql_as_superuser_is_named(stack: Stack, told: Told) -> None:
    (row,) = stack.sql("SELECT id, description FROM registry_registeredmodel WHERE name = %s", MODEL)
    stack.sql("UPDATE registry_registeredmodel SET description = 'forged' WHERE id = %s", row[0])
    try:
        report = stack.manage("verify", check=False)
    finally:
        stack.sql("UPDATE registry_registeredmodel SET description = %s WHERE id = %s", row[1], row[0])
    assert "registry.registered_model" in report
    assert str(row[0]) in report
    assert "description" in report
    stack.manage("verify")
