"""The evaluation job: scan, predict in the sandbox, measure outside it, record the evidence.

The ML libraries are imported inside the functions: the web process imports this module to know the job's name.
"""

from __future__ import annotations

import platform
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings

from countersign import clock
from countersign.actors import Actor
from countersign.blobs.store import Incoming, kept_or_discarded, local_path, receive
from countersign.jobs.handlers import JobContext, JobFailed, handler, on_failure
from countersign.jobs.models import Job
from governance.evaluation.actions import EVALUATE, record_failure, record_results, request_evaluation
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.suites import SUITES, Suite
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion
from registry.versions.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from governance.evaluation.data import EvaluationData
    from governance.evaluation.sandbox import Isolation, Limits, Outcome, ScanReport

EVALUATE_NEW_VERSION = "governance.evaluate_new_version"
DEFAULT_THRESHOLD = 0.5


@handler(EVALUATE_NEW_VERSION, title="Start evaluations of a new version")
def evaluate_new_version(context: JobContext) -> dict[str, Any]:
    """Ask for an evaluation on each dataset version the upload named for evaluation."""
    version = ModelVersion.objects.select_related("model").get(id=context.args["version"])
    with context.finishing() as result:
        result["evaluations"] = [
            request_evaluation(
                version=version, dataset_version=used.dataset_version, actor=context.actor
            ).number
            for used in version.inputs.filter(context="evaluation").select_related("dataset_version__dataset")
        ]
    return result


@handler(EVALUATE, queue="evaluation", title="Evaluation", retryable=False)
def evaluate(context: JobContext) -> dict[str, Any]:
    """Measure one version on one dataset version. May run again after a lost worker: nothing is written before the
    end, and the end is one transaction."""
    evaluation = Evaluation.objects.select_related("version__model", "dataset_version__dataset").get(
        id=context.args["evaluation"]
    )
    if evaluation.state != EvaluationState.WAITING:
        return {"evaluation": evaluation.number}
    started = clock.now()
    suite = SUITES[evaluation.suite]
    results, circumstances, scores = _run(context, evaluation, suite, started)
    with kept_or_discarded([scores]), context.finishing() as result:
        record_results(
            evaluation=evaluation,
            results=results,
            circumstances=circumstances,
            scores=scores,
            actor=context.actor,
        )
        result["evaluation"] = evaluation.number
    return result


@on_failure(EVALUATE)
def end_evaluation(job: Job, failure: JobFailed, actor: Actor) -> None:
    """The evaluation ends with its job, in the same transaction."""
    evaluation = Evaluation.objects.select_related("version").get(id=job.args["evaluation"])
    if evaluation.state == EvaluationState.WAITING:
        record_failure(
            evaluation=evaluation,
            code=failure.code,
            message=failure.message,
            said=failure.said,
            circumstances=failure.circumstances,
            actor=actor,
        )


def _run(
    context: JobContext, evaluation: Evaluation, suite: Suite, started: datetime
) -> tuple[dict[str, Any], dict[str, Any], Incoming]:
    from governance.evaluation.data import read
    from governance.evaluation.sandbox import (
        TRUSTED_SKOPS_TYPES,
        EvaluationFailed,
        Flavour,
        Limits,
        detect_isolation,
        predict,
        scan,
    )

    version, data_version = evaluation.version, evaluation.dataset_version
    features = [feature["name"] for feature in version.signature.get("features", [])]
    if not features:
        raise JobFailed(
            "no_signature",
            "The version's signature names no features, so the columns to score are unknown. "
            "Upload it again with `signature.features`.",
        )
    try:
        flavour = Flavour(version.flavour)
    except ValueError:
        raise JobFailed(
            "flavour_unknown",
            f"Models of the kind “{version.flavour}” cannot be run here. Known: {', '.join(Flavour)}.",
        ) from None
    isolation = detect_isolation()
    if isolation.level < settings.ISOLATION_MINIMUM:
        raise JobFailed(
            "isolation_too_weak",
            f"This host reaches sandbox level {isolation.level}; at least {settings.ISOLATION_MINIMUM} is required. "
            "Run the worker on Linux 5.13 or newer, or lower COUNTERSIGN_ISOLATION_MIN knowingly.",
        )
    limits = Limits(
        memory_bytes=settings.EVALUATION_MEMORY_BYTES,
        cpu_seconds=settings.EVALUATION_CPU_SECONDS,
        wall_seconds=settings.EVALUATION_WALL_SECONDS,
    )
    artifact = version.files.select_related("blob").get(path=version.entry_file)
    if data_version.blob is None:
        raise JobFailed(
            "data_elsewhere", f"{data_version} is kept elsewhere; upload its file to evaluate on it."
        )
    suspect = ""
    try:
        context.step("Scanning the file", version.entry_file, progress=0.05)
        with local_path(artifact.blob) as path:
            report = scan(artifact=path, flavour=flavour, limits=limits, isolation=isolation)
            context.log(f"Scan: {report.verdict}. {report.reason}".strip())
            if report.verdict == "blocked":
                raise JobFailed("scan_blocked", f"The scanner cannot vouch for this file: {report.reason}")
            if report.verdict == "unlisted_names":
                suspect = f" {report.reason}"  # why it failed may well be what it tried instead
            context.step("Reading the data", str(data_version), progress=0.15)
            with local_path(data_version.blob) as data_path:
                data = read(
                    data_path,
                    data_format=data_version.format,
                    features=features,
                    target=data_version.target,
                    positive_label=data_version.positive_label,
                    sensitive_attributes=data_version.sensitive_attributes,
                    task=suite.task,
                )
            context.step(
                "Predicting in the sandbox", f"{data.rows:,} rows, level {isolation.level}", progress=0.3
            )
            outcome = predict(
                artifact=path,
                flavour=flavour,
                batches=data.batches(suite.batch_rows),
                rows=data.rows,
                limits=limits,
                isolation=isolation,
                trusted_types=TRUSTED_SKOPS_TYPES,
                task=suite.task,
                cancelled=context.cancelled,
            )
    except EvaluationFailed as failure:
        context.check()
        message = f"{failure.message}{suspect}"
        raise JobFailed(
            failure.code, message, said=failure.said, circumstances=failure.circumstances
        ) from failure
    context.step("Measuring", f"{data.rows:,} rows", progress=0.7)
    measure = _regression if suite.task is Task.REGRESSION else _binary
    try:
        measured, scores = measure(version, data_version, suite, data, outcome)
    except ValueError as error:
        raise JobFailed("not_measurable", f"The data cannot be measured: {error}") from error
    context.step("Writing the evidence", progress=0.95)
    content = scores.astype("<f8").tobytes()
    kept = receive(iter([content]), size=len(content), expected_sha256=None, limit=len(content))
    circumstances = _circumstances(evaluation, isolation, limits, outcome, data, started)
    circumstances["scores"] = {"sha256": kept.sha256, "form": "float64, little-endian, a row each"}
    return _results(evaluation, suite, measured, report), circumstances, kept


def _binary(
    version: ModelVersion, data_version: DatasetVersion, suite: Suite, data: EvaluationData, outcome: Outcome
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    from governance.evaluation.data import canonical_label
    from governance.evaluation.measures import measure_binary

    classes = [canonical_label(name) for name in outcome.classes]
    positive = canonical_label(data_version.positive_label)
    if outcome.scores.shape[1] != 2 or positive not in classes:
        raise JobFailed(
            "not_binary",
            f"The model gives {outcome.scores.shape[1]} scores a row for the classes "
            f"{', '.join(classes) or 'unnamed'}; a binary classifier with the class "
            f"“{data_version.positive_label}” was expected.",
        )
    threshold = version.signature.get("threshold")
    scores = outcome.scores[:, classes.index(positive)]
    measured = measure_binary(
        labels=data.labels,
        scores=scores,
        threshold=DEFAULT_THRESHOLD if threshold is None else float(threshold),
        # Where no outcome is declared the favourable one, being selected is being predicted positive.
        favourable_is_positive=canonical_label(data_version.favourable_label or positive) == positive,
        groups=data.groups,
        seed=suite.seed,
        draws=suite.draws,
    )
    return measured, scores


def _regression(
    version: ModelVersion, data_version: DatasetVersion, suite: Suite, data: EvaluationData, outcome: Outcome
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    from governance.evaluation.measures import measure_regression

    predicted = outcome.scores[:, 0]
    measured = measure_regression(
        actual=data.labels,
        predicted=predicted,
        tolerance=version.signature.get("tolerance"),
        groups=data.groups,
        seed=suite.seed,
        draws=suite.draws,
    )
    return measured, predicted


def _results(
    evaluation: Evaluation, suite: Suite, measured: dict[str, Any], report: ScanReport
) -> dict[str, Any]:
    """The reproducible half: nothing here depends on when or where it ran."""
    version, data_version = evaluation.version, evaluation.dataset_version
    return {
        "schema": "countersign/evaluation-results/1",
        "source": "computed",
        "version": {
            "model": version.model.name,
            "number": version.number,
            "digest": f"sha256:{version.digest}",
            "flavour": version.flavour,
        },
        "dataset": {
            "name": data_version.dataset.name,
            "number": data_version.number,
            "digest": f"sha256:{data_version.digest}",
            "rows": measured["n"],
            "target": data_version.target,
            "positive_label": data_version.positive_label,
            "favourable_label": data_version.favourable_label,
            "sensitive_attributes": list(data_version.sensitive_attributes),
        },
        "suite": {"name": suite.name, "revision": suite.revision},
        "seed": suite.seed,
        "scan": {
            "verdict": report.verdict,
            "names": list(report.names),
            "unlisted": list(report.unlisted),
            "reason": report.reason,
            "container": report.container,
            "built_with": report.built_with,
        },
        **measured,
    }


def _circumstances(
    evaluation: Evaluation,
    isolation: Isolation,
    limits: Limits,
    outcome: Outcome,
    data: EvaluationData,
    started: datetime,
) -> dict[str, Any]:
    """The other half: host, isolation, libraries, latency, times."""
    return {
        "schema": "countersign/evaluation-circumstances/1",
        "evaluation": evaluation.number,
        "results_of": str(evaluation.id),
        "isolation": isolation.as_dict(),
        "limits": limits.as_dict(),
        "host": {
            "machine": platform.machine(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "rows": data.rows,
        "started_at": clock.stamp(started),
        "finished_at": clock.stamp(clock.now()),
        **outcome.circumstances,
    }
