"""The course of an evaluation whose scores somebody brought: nothing of the model is run, and the evidence says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from countersign import clock
from countersign.blobs.store import local_path
from countersign.jobs.handlers import JobContext, JobFailed
from governance.evaluation.evidence import Evidence, circumstances_of, results_of
from governance.evaluation.measuring import form_of, measure
from governance.evaluation.models import Evaluation
from governance.evaluation.pace import Pace
from governance.evaluation.predicting import job_failure, received
from governance.evaluation.preparing import opened, prepare
from governance.evaluation.probes.titles import PROBES
from governance.evaluation.scanned import claims_in, scan_version
from governance.evaluation.suites import Suite

if TYPE_CHECKING:
    from governance.evaluation.sandbox import ScanReport

NOT_RUN = "The scores were brought; the model was not run here."


def measure_reported(context: JobContext, evaluation: Evaluation, suite: Suite) -> Evidence:
    """Measure brought scores. The version's files are scanned all the same, where they can be. Raises JobFailed as
    `running.run` does."""
    from governance.evaluation.data.reported import read_reported
    from governance.evaluation.sandbox import Outcome
    from governance.evaluation.scrutiny import scrutinise

    started, data_version = clock.now(), evaluation.dataset_version
    data_blob, scores_blob = data_version.blob, evaluation.reported
    if data_blob is None or scores_blob is None:
        raise JobFailed(
            "data_elsewhere", f"{data_version} is kept elsewhere; upload its file to evaluate on it."
        )
    context.step("Scanning the file", evaluation.version.entry_file, progress=0.05)
    report, unscanned = _scanned(context, evaluation)
    types = {one["name"]: one["type"] for one in evaluation.version.signature.get("features", [])}
    context.step("Reading the data", str(data_version), progress=0.15)
    pace = Pace(context.progress, data_version.rows, low=0.15, high=0.5, check=context.check)
    with local_path(data_blob) as data_path, local_path(scores_blob) as scores_path:
        data = opened(evaluation, suite.task, types, data_path, pace.reached)
        context.progress(0.5, "Reading the scores")
        given, classes = read_reported(
            scores_path, data=data, task=suite.task, tick=lambda _: context.check()
        )
        context.step("Measuring", f"{data.rows:,} rows", progress=0.6)
        brought = {"sha256": scores_blob.sha256, "reporter": _reporter(evaluation)}
        outcome = Outcome(given, classes, {"predictions": brought})
        with context.interrupting():
            measured, scores = measure(evaluation, suite, data, outcome)
            scrutiny = scrutinise(context, evaluation, suite, data, measured, scores) if types else None
    measured |= scrutiny.results if scrutiny else {}
    measured["not_measured"] = [
        *measured.get("not_measured", []),
        *(scrutiny.not_measured if scrutiny else []),
        *unscanned,
        *({"what": PROBES[probe][0], "why": NOT_RUN} for probe in sorted(suite.probes)),
    ]
    context.step("Writing the evidence", progress=0.95)
    kept = received(scores)
    circumstances = circumstances_of(evaluation, None, None, outcome, data, started)
    circumstances["scores"] = {"sha256": kept.sha256, "form": form_of(scores)}
    return Evidence(
        results_of(evaluation, suite, measured, report, claims_in(evaluation.version)), circumstances, kept
    )


def _reporter(evaluation: Evaluation) -> dict[str, str | None]:
    """Who brought the scores, by id: no name is part of evidence."""
    ref = evaluation.requested_by
    return {"kind": evaluation.requested_by_kind, "ref": str(ref) if ref else None}


def _scanned(context: JobContext, evaluation: Evaluation) -> tuple[ScanReport | None, list[dict[str, str]]]:
    """What the scanner finds, or why there is nothing: of a kind that is not loaded here, or on a host that cannot
    confine the scanner either."""
    from governance.evaluation.sandbox import EvaluationFailed

    try:
        prepared = prepare(evaluation)
        with local_path(prepared.artifact.blob) as path:
            return scan_version(evaluation.version, prepared, path, context.cancelled), []
    except EvaluationFailed as failure:
        raise job_failure(context, failure) from failure
    except JobFailed as refused:
        if refused.code == "data_elsewhere":
            raise
        return None, [{"what": "Scan of the file", "why": refused.message}]
