"""Asking for an evaluation, and recording how it ended."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import rfc8785
from django.db import transaction

from countersign import clock
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.jobs.actions import enqueue
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.suites import SUITES
from governance.evaluation.verbs import (
    EVALUATION_CANCELLED,
    EVALUATION_FAILED,
    EVALUATION_REQUESTED,
    EVALUATION_SUCCEEDED,
)
from governance.numbers import next_number
from registry.datasets.models import DatasetVersion
from registry.versions.actions.locks import lock_version, refuse_archived
from registry.versions.models import ModelVersion

EVALUATE = "governance.evaluate"
DEFAULT_SUITE = "default-binary"


@transaction.atomic
def request_evaluation(
    *, version: ModelVersion, dataset_version: DatasetVersion, actor: Actor, suite: str = DEFAULT_SUITE
) -> Evaluation:
    """Ask for a suite to be run on a version with a dataset version. The same request while one is waiting or
    running gives that one.

    Raises Refused (permission; archived), Invalid (unknown suite; data that is not kept here or names no
    target)."""
    if not (verdict := actor.may(Permission.EVALUATE, version.model.team_id)):
        raise Refused(verdict)
    problems = _problems(suite, dataset_version)
    if problems:
        raise Invalid("Nothing was started.", fields=problems)
    version = lock_version(version)
    refuse_archived(version)
    waiting = Evaluation.objects.filter(
        version=version, dataset_version=dataset_version, suite=suite, state=EvaluationState.WAITING
    ).first()
    if waiting is not None:
        return waiting
    evaluation = Evaluation(
        number=next_number("evaluation"),
        version=version,
        dataset_version=dataset_version,
        suite=suite,
        suite_revision=SUITES[suite].revision,
        requested_by_kind=actor.kind,
        requested_by=actor.ref,
        requested_by_label=actor.label,
        created_at=clock.now(),
    )
    evaluation.job = enqueue(
        kind=EVALUATE,
        key=str(evaluation.id),
        actor=actor,
        args={"evaluation": str(evaluation.id)},
        subject=evaluation,
        team=version.model.team_id,
    )
    evaluation.save(force_insert=True)
    append_entry(verb=EVALUATION_REQUESTED, subject=evaluation, actor=actor)
    return evaluation


def _problems(suite: str, dataset_version: DatasetVersion) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    if suite not in SUITES:
        problems["suite"] = [f"There is no suite “{suite}”. Known: {', '.join(SUITES)}."]
    if dataset_version.blob_id is None:
        problems["dataset_version"] = [
            f"{dataset_version} is kept elsewhere; upload its file to evaluate on it."
        ]
    elif not dataset_version.target or not dataset_version.positive_label:
        problems["dataset_version"] = [
            f"{dataset_version} names no target and positive label; register it with both."
        ]
    return problems


def evidence_bytes(document: dict[str, Any]) -> bytes:
    """The canonical bytes of an evidence document (RFC 8785), whose SHA-256 is its digest."""
    return rfc8785.dumps(document)


@transaction.atomic
def record_results(
    *, evaluation: Evaluation, results: dict[str, Any], circumstances: dict[str, Any], actor: Actor
) -> Evaluation:
    """Record the evidence of an evaluation. Call inside the job's `finishing()`, so that evidence and the job's
    success commit together. Raises Conflict when the evaluation has ended already."""
    evaluation = _lock_waiting(evaluation)
    before = evaluation.ledger_state()
    evaluation.results = evidence_bytes(results)
    evaluation.results_digest = sha256(evaluation.results).hexdigest()
    evaluation.circumstances = evidence_bytes(circumstances)
    evaluation.circumstances_digest = sha256(evaluation.circumstances).hexdigest()
    evaluation.state = EvaluationState.SUCCEEDED
    evaluation.finished_at = clock.now()
    evaluation.save()
    append_entry(verb=EVALUATION_SUCCEEDED, subject=evaluation, actor=actor, before=before)
    return evaluation


@transaction.atomic
def record_failure(
    *,
    evaluation: Evaluation,
    code: str,
    message: str,
    said: str,
    circumstances: dict[str, Any] | None,
    actor: Actor,
) -> Evaluation:
    """Record why an evaluation failed, or (code `cancelled`) that it was cancelled. `said` is what the model's
    own process said: its word, not ours.

    The sentence may name values of the data (a class, a column), so the ledger holds the code alone and the
    sentence as a personal value. Raises Conflict when the evaluation has ended already."""
    evaluation = _lock_waiting(evaluation)
    before = evaluation.ledger_state()
    cancelled = code == "cancelled"
    evaluation.state = EvaluationState.CANCELLED if cancelled else EvaluationState.FAILED
    evaluation.failure_code, evaluation.failure, evaluation.failure_said = code, message, said
    if circumstances:
        evaluation.circumstances = evidence_bytes(circumstances)
        evaluation.circumstances_digest = sha256(evaluation.circumstances).hexdigest()
    evaluation.finished_at = clock.now()
    evaluation.save()
    append_entry(
        verb=EVALUATION_CANCELLED if cancelled else EVALUATION_FAILED,
        subject=evaluation,
        actor=actor,
        before=before,
        personal={"message": message},
    )
    return evaluation


def _lock_waiting(evaluation: Evaluation) -> Evaluation:
    """Version, then evaluation: evidence is an ingredient of decisions, so its version row is locked first."""
    lock_version(evaluation.version)
    locked = Evaluation.objects.select_for_update().get(id=evaluation.id)
    if locked.state != EvaluationState.WAITING:
        raise Conflict(f"Evaluation {locked.number} has {locked.state} already.", code="evaluation_ended")
    return locked
