"""The course of one evaluation: scan, read, predict in the sandbox, measure outside it.

Nothing is written to the database here. The ML libraries are imported inside the functions: the web process imports
this module to know the job's name.
"""

from __future__ import annotations

from dataclasses import replace

from countersign import clock
from countersign.blobs.store import local_path
from countersign.jobs.handlers import JobContext, JobFailed
from governance.evaluation.cost import cost_of
from governance.evaluation.evidence import Evidence, circumstances_of, results_of
from governance.evaluation.measuring import form_of, measure
from governance.evaluation.models import Evaluation
from governance.evaluation.pace import Pace
from governance.evaluation.predicting import answers, job_failure, predictor, received, wait_for_parts
from governance.evaluation.preparing import opened, prepare
from governance.evaluation.reported import measure_reported
from governance.evaluation.sandbox.attempts import together
from governance.evaluation.scanned import claims_in, scan_version
from governance.evaluation.suites import Suite

#: What people see coming, in this order.
STEPS = (
    "Scanning the file",
    "Reading the data",
    "Predicting in the sandbox",
    "Measuring",
    "Asking another process of the model",
    "Writing the evidence",
)


def run(context: JobContext, evaluation: Evaluation, suite: Suite) -> Evidence:
    """Evaluate. Raises JobFailed with a stable code and a sentence for whatever the model, the data or the host
    does wrong, and Wait where parts of it have to be predicted first."""
    if evaluation.reported_id:
        return measure_reported(context, evaluation, suite)
    started = clock.now()
    import pyarrow as pa

    from governance.evaluation.probing import First, probe
    from governance.evaluation.sandbox import EvaluationFailed
    from governance.evaluation.scrutiny import scrutinise

    wait_for_parts(context, evaluation, list(evaluation.parts.all()))
    data_version, prepared = evaluation.dataset_version, prepare(evaluation)
    isolation, limits = prepared.isolation, prepared.limits
    artifact = prepared.artifact
    suspect = ""
    try:
        context.step("Scanning the file", artifact.path, progress=0.05)
        with local_path(artifact.blob) as path:
            report = scan_version(evaluation.version, prepared, path, context.cancelled)
            context.log(f"Scan: {report.verdict}. {report.reason}".strip())
            if report.verdict == "blocked":
                raise JobFailed("scan_blocked", f"The scanner cannot vouch for this file: {report.reason}")
            if report.verdict == "unlisted_names":
                suspect = f" {report.reason}"  # why it failed may well be what it tried instead
            context.step("Reading the data", str(data_version), progress=0.15)
            with local_path(prepared.data) as data_path:
                data = opened(
                    evaluation,
                    suite.task,
                    prepared.types,
                    data_path,
                    Pace(
                        context.progress, data_version.rows, low=0.15, high=0.3, check=context.check
                    ).reached,
                )
                data = replace(data, tick=lambda _: context.check())
                context.step(
                    "Predicting in the sandbox", f"{data.rows:,} rows, level {isolation.level}", progress=0.3
                )
                predicted = predictor(context, prepared, suite.task, path)
                outcome = answers(context, evaluation, suite, data, predicted, limits)
                context.step("Measuring", f"{data.rows:,} rows", progress=0.5)
                pa.default_memory_pool().release_unused()  # some fifty megabytes kept for further batches
                with context.interrupting():
                    measured, scores = measure(evaluation, suite, data, outcome)
                    context.progress(0.6, "Looking for slices, leaks and defects")
                    scrutiny = scrutinise(context, evaluation, suite, data, measured, scores)
                context.step("Asking another process of the model", progress=0.7)
                probed = probe(
                    context,
                    evaluation,
                    suite,
                    data,
                    First(outcome, measured, scores.reshape(data.rows, -1)),
                    predicted,
                )
    except EvaluationFailed as failure:
        raise job_failure(context, failure, suspect) from failure
    measured |= scrutiny.results | probed.results
    measured["not_measured"] = [
        *measured.get("not_measured", []),
        *scrutiny.not_measured,
        *probed.not_measured,
    ]
    context.step("Writing the evidence", progress=0.95)
    kept = received(scores)
    circumstances = circumstances_of(evaluation, isolation, limits, outcome, data, started)
    row_latency = probed.circumstances.pop("row_latency", None)
    circumstances |= probed.circumstances
    # A model may keep quiet until it is probed.
    runs = (outcome.circumstances, circumstances.get("probes", {}))
    circumstances["attempts"] = together(run.get("attempts", []) for run in runs)
    circumstances["cost"] = cost_of(circumstances, artifact.blob.size, row_latency)
    circumstances["scores"] = {"sha256": kept.sha256, "form": form_of(scores)}
    claims = claims_in(evaluation.version)
    return Evidence(results_of(evaluation, suite, measured, report, claims), circumstances, kept)
