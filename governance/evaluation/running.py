"""The course of one evaluation: scan, read, predict in the sandbox, measure outside it.

Nothing is written to the database here. The ML libraries are imported inside the functions: the web process imports
this module to know the job's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from countersign import clock
from countersign.blobs.store import Incoming, local_path, receive
from countersign.jobs.handlers import JobContext, JobFailed
from governance.evaluation.evidence import circumstances_of, results_of
from governance.evaluation.measuring import form_of, measure
from governance.evaluation.models import Evaluation
from governance.evaluation.suites import Suite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an evaluation found: the two documents, and the scores as a received file that is not kept yet."""

    results: dict[str, Any]
    circumstances: dict[str, Any]
    scores: Incoming


def run(context: JobContext, evaluation: Evaluation, suite: Suite) -> Evidence:
    """Evaluate. Raises JobFailed with a stable code and a sentence for whatever the model, the data or the host
    does wrong."""
    started = clock.now()
    from governance.evaluation.data import open_data
    from governance.evaluation.sandbox import (
        TRUSTED_SKOPS_TYPES,
        EvaluationFailed,
        Flavour,
        Limits,
        detect_isolation,
        predict,
        scan,
    )
    from governance.evaluation.scrutiny import scrutinise

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
                data = open_data(
                    data_path,
                    data_format=data_version.format,
                    features=features,
                    target=data_version.target,
                    positive_label=data_version.positive_label,
                    sensitive_attributes=data_version.sensitive_attributes,
                    query_column=data_version.query_column,
                    task=suite.task,
                    row_key=data_version.row_key,
                    types={one["name"]: one["type"] for one in version.signature["features"]},
                    tick=lambda _: context.check(),
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
                context.step("Measuring", f"{data.rows:,} rows", progress=0.7)
                measured, scores = measure(evaluation, suite, data, outcome)
                context.progress(0.85, "Looking for slices, leaks and defects")
                scrutiny = scrutinise(context, evaluation, suite, data, measured, scores)
    except EvaluationFailed as failure:
        context.check()
        message = f"{failure.message}{suspect}"
        raise JobFailed(
            failure.code, message, said=failure.said, circumstances=failure.circumstances
        ) from failure
    measured |= scrutiny.results
    measured["not_measured"] = [*measured.get("not_measured", []), *scrutiny.not_measured]
    context.step("Writing the evidence", progress=0.95)
    kept = _received(scores)
    circumstances = circumstances_of(evaluation, isolation, limits, outcome, data, started)
    circumstances["scores"] = {"sha256": kept.sha256, "form": form_of(scores)}
    return Evidence(results_of(evaluation, suite, measured, report), circumstances, kept)


def _received(scores: NDArray[np.float64]) -> Incoming:
    content = scores.astype("<f8").tobytes()
    return receive(iter([content]), size=len(content), expected_sha256=None, limit=len(content))
