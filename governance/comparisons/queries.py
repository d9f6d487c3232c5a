"""Which evaluations may be compared row by row, and what was measured of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from countersign.jobs.models import Job, JobState
from governance.comparisons.models import Comparison
from governance.evaluation.models import Evaluation, EvaluationState
from registry.versions.models import ModelVersion

COMPARE = "governance.compare"
"""The kind of job that measures a pair."""


def comparison_of(evaluation: Evaluation, against: Evaluation) -> Comparison | None:
    """The recorded differences of this pair."""
    return Comparison.objects.filter(evaluation=evaluation, against=against).first()


def on_same_rows(one: Evaluation, other: Evaluation) -> bool:
    """Whether two evaluations measured the same rows by the same revision of the same suite: data of one digest,
    read with one target and one key, whichever dataset version names them."""
    return _rows_of(one) == _rows_of(other) and _suite_of(one) == _suite_of(other)


def _rows_of(evaluation: Evaluation) -> tuple[str, ...]:
    data = evaluation.dataset_version
    return data.digest, data.target, data.positive_label, data.row_key


def _suite_of(evaluation: Evaluation) -> tuple[str, int]:
    return evaluation.suite, evaluation.suite_revision


def evidence_on_same_rows(evaluation: Evaluation, version: ModelVersion) -> Evaluation | None:
    """The version's newest evidence by the same suite and revision on the same rows."""
    data = evaluation.dataset_version
    return (
        Evaluation.objects.filter(
            version=version,
            dataset_version__digest=data.digest,
            dataset_version__target=data.target,
            dataset_version__positive_label=data.positive_label,
            dataset_version__row_key=data.row_key,
            suite=evaluation.suite,
            suite_revision=evaluation.suite_revision,
            state=EvaluationState.SUCCEEDED,
        )
        .select_related("version__model", "dataset_version__dataset")
        .order_by("-number")
        .first()
    )


def newest_pair(version: ModelVersion, other: ModelVersion) -> tuple[Evaluation | None, Evaluation | None]:
    """The newest evidence of `version` that `other` has evidence beside, on the same rows, and that; where there is
    none, the newest evidence of each."""
    mine = list(
        Evaluation.objects.filter(version=version, state=EvaluationState.SUCCEEDED)
        .select_related("version__model", "dataset_version__dataset")
        .order_by("-number")[:20]
    )
    for evaluation in mine:
        if (beside := evidence_on_same_rows(evaluation, other)) is not None:
            return evaluation, beside
    theirs = (
        Evaluation.objects.filter(version=other, state=EvaluationState.SUCCEEDED)
        .select_related("version__model", "dataset_version__dataset")
        .order_by("-number")
        .first()
    )
    return (mine[0] if mine else None), theirs


def why_not_beside(evaluation: Evaluation, against: Evaluation, *, here: str = "", there: str = "") -> str:
    """Why the measures of two evaluations cannot stand beside each other: other rows or another suite. A sentence
    that says what to do; empty where they can. `here` and `there` are what the two are called, else their
    versions."""
    here, there = here or str(evaluation.version), there or str(against.version)
    if _rows_of(evaluation) != _rows_of(against):
        return (
            f"Not the same rows: {here} was measured on {evaluation.dataset_version}, {there} on "
            f"{against.dataset_version}. Evaluate both on one of them."
        )
    if _suite_of(evaluation) != _suite_of(against):
        return (
            f"Not the same suite: {evaluation.suite}, revision {evaluation.suite_revision} for {here} and "
            f"{against.suite}, revision {against.suite_revision} for {there}. Evaluate both by one of them."
        )
    return ""


def declared_threshold(evaluation: Evaluation) -> Any:
    """The threshold the evidence was measured at; None of a task without one."""
    return evaluation.results_document.get("threshold")


def why_not_paired(
    evaluation: Evaluation,
    against: Evaluation,
    *,
    threshold_of: Callable[[Evaluation], Any] = declared_threshold,
) -> str:
    """Why two evaluations cannot be compared row by row, in sentences that say what to do; empty where they can.
    `threshold_of` spares reading whole documents where it is known."""
    if evaluation.pk == against.pk:
        return "This is one evaluation, not two."
    for one in (evaluation, against):
        if one.state != EvaluationState.SUCCEEDED:
            return f"Evaluation {one.number} has no evidence."
    if reason := why_not_beside(evaluation, against):
        return reason
    here, there = evaluation.version, against.version
    mine, theirs = threshold_of(evaluation), threshold_of(against)
    if mine != theirs:
        return (
            f"Not the same threshold: {here} declares {mine}, {there} {theirs}. Upload one of them again with "
            "the other's threshold."
        )
    for one in (evaluation, against):
        if one.scores_id is None:
            return (
                f"Evaluation {one.number} of {one.version} is older than the keeping of scores, so rows cannot be "
                "paired. Evaluate that version again."
            )
    return ""


def comparing_now(evaluation: Evaluation, against: Evaluation) -> Job | None:
    """The job that measures this pair, while there is one."""
    return Job.objects.filter(
        kind=COMPARE,
        key=f"{evaluation.id}:{against.id}",
        state__in=[JobState.QUEUED, JobState.RUNNING],
    ).first()
