"""The two documents an evaluation leaves: results, which a second run gives again byte for byte, and the circumstances
they came about in."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from countersign import clock
from governance.evaluation.models import Evaluation
from governance.evaluation.suites import Suite

if TYPE_CHECKING:
    from governance.evaluation.data import EvaluationData
    from governance.evaluation.sandbox import Isolation, Limits, Outcome, ScanReport


def results_of(
    evaluation: Evaluation, suite: Suite, measured: dict[str, Any], report: ScanReport, claims: dict[str, Any]
) -> dict[str, Any]:
    """The reproducible half: nothing here depends on when or where it ran. `claims` are an MLflow folder's, shown
    beside what the scan found."""
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
            **({"query_column": data_version.query_column} if data_version.query_column else {}),
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
            "files": [asdict(one) for one in report.files],
            **({"claims": claims} if claims else {}),
        },
        **measured,
    }


def circumstances_of(
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
