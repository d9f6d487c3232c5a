"""Asking for an evaluation, and recording how it ended."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import rfc8785
from django.db import transaction

from countersign import clock
from countersign.actors import Actor
from countersign.blobs.actions import keep_blob
from countersign.blobs.models import Blob
from countersign.blobs.store import Incoming
from countersign.errors import Invalid, Refused
from countersign.jobs.actions import enqueue
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from governance.evaluation.fitness import why_unfit
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.parts.actions import drop_parts, lock_waiting
from governance.evaluation.suites import SUITES, default_suite
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
from registry.versions.tasks import task_of

EVALUATE = "governance.evaluate"


@transaction.atomic
def request_evaluation(
    *, version: ModelVersion, dataset_version: DatasetVersion, actor: Actor, suite: str = ""
) -> Evaluation:
    """Ask for a suite to be run on a version with a dataset version; where none is named, the default of the task
    the version's signature declares. The same request while one is waiting or running gives that one.

    Raises Refused (permission; archived), Invalid (unknown suite, or one of another task; data that is not kept
    here or does not fit the task)."""
    version, suite = _asked(version, dataset_version, suite, actor)
    waiting = Evaluation.objects.filter(
        version=version,
        dataset_version=dataset_version,
        suite=suite,
        state=EvaluationState.WAITING,
        reported=None,
    ).first()
    return waiting or _started(version, dataset_version, suite, None, actor)


@transaction.atomic
def report_predictions(
    *,
    version: ModelVersion,
    dataset_version: DatasetVersion,
    predictions: Incoming,
    actor: Actor,
    suite: str = "",
) -> Evaluation:
    """Have scores measured that somebody brings, for a model that cannot be run here: a Parquet or CSV file with the
    dataset version's row key and the scores. The evidence says that they are reported.

    Raises Refused and Invalid as `request_evaluation` does, and Invalid (no_row_key) for data without a row key."""
    version, suite = _asked(version, dataset_version, suite, actor)
    if not dataset_version.row_key:
        sentence = (
            f"{dataset_version} declares no row key, so nothing says which score belongs to which row. Register the "
            "data with a column that names each row."
        )
        raise Invalid(sentence, fields={"dataset_version": [sentence]}, code="no_row_key")
    return _started(version, dataset_version, suite, keep_blob(predictions), actor)


def _asked(
    version: ModelVersion, dataset_version: DatasetVersion, suite: str, actor: Actor
) -> tuple[ModelVersion, str]:
    """The version, locked, and the suite that is meant."""
    if not (verdict := actor.may(Permission.EVALUATE, version.model.team_id)):
        raise Refused(verdict)
    suite = suite or default_suite(task_of(version.signature))
    problems = _problems(suite, version, dataset_version)
    if problems:
        raise Invalid("Nothing was started.", fields=problems)
    version = lock_version(version)
    refuse_archived(version)
    return version, suite


def _started(
    version: ModelVersion, dataset_version: DatasetVersion, suite: str, reported: Blob | None, actor: Actor
) -> Evaluation:
    evaluation = Evaluation(
        number=next_number("evaluation"),
        version=version,
        dataset_version=dataset_version,
        suite=suite,
        suite_revision=SUITES[suite].revision,
        reported=reported,
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


def _problems(suite: str, version: ModelVersion, dataset_version: DatasetVersion) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    task = task_of(version.signature)
    if suite not in SUITES:
        problems["suite"] = [f"There is no suite “{suite}”. Known: {', '.join(SUITES)}."]
    elif SUITES[suite].task is not task:
        problems["suite"] = [
            f"The suite “{suite}” measures {SUITES[suite].task.words}; the version's signature says {task.words}."
        ]
    if dataset_version.blob_id is None:
        problems["dataset_version"] = [
            f"{dataset_version} is kept elsewhere; upload its file to evaluate on it."
        ]
    elif misfit := why_unfit(dataset_version, task):
        problems["dataset_version"] = [misfit]
    return problems


def evidence_bytes(document: dict[str, Any]) -> bytes:
    """The canonical bytes of an evidence document (RFC 8785), whose SHA-256 is its digest."""
    return rfc8785.dumps(document)


@transaction.atomic
def record_results(
    *,
    evaluation: Evaluation,
    results: dict[str, Any],
    circumstances: dict[str, Any],
    actor: Actor,
    scores: Incoming | None = None,
) -> Evaluation:
    """Record the evidence of an evaluation, with the scores it rests on where they were kept. Call inside the job's
    `finishing()`, so that evidence and the job's success commit together. Raises Conflict when the evaluation has
    ended already."""
    evaluation = _lock_waiting(evaluation)
    before = evaluation.ledger_state()
    evaluation.results = evidence_bytes(results)
    evaluation.results_digest = sha256(evaluation.results).hexdigest()
    evaluation.circumstances = evidence_bytes(circumstances)
    evaluation.circumstances_digest = sha256(evaluation.circumstances).hexdigest()
    if scores is not None:
        evaluation.scores = keep_blob(scores)
    drop_parts(evaluation=evaluation)
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
    drop_parts(evaluation=evaluation)
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
    return lock_waiting(evaluation)
