"""The two documents an evaluation leaves: results, which a second run gives again byte for byte, and the circumstances
they came about in."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from countersign import clock
from countersign.blobs.store import Incoming
from governance.evaluation.models import Evaluation
from governance.evaluation.suites import Suite

if TYPE_CHECKING:
    from governance.evaluation.data import EvaluationData
    from governance.evaluation.sandbox import Isolation, Limits, Outcome, ScanReport


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an evaluation found: the two documents, and the scores as a received file that is not kept yet."""

    results: dict[str, Any]
    circumstances: dict[str, Any]
    scores: Incoming


def results_of(
    evaluation: Evaluation,
    suite: Suite,
    measured: dict[str, Any],
    report: ScanReport | None,
    claims: dict[str, Any],
) -> dict[str, Any]:
    """The reproducible half: nothing here depends on when or where it ran. `claims` are an MLflow folder's, shown
    beside what the scan found; `report` is None where nothing could be scanned."""
    version, data_version = evaluation.version, evaluation.dataset_version
    return {
        "schema": "countersign/evaluation-results/1",
        "source": "reported" if evaluation.reported_id else "computed",
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
        **({"scan": _scan_of(report, claims)} if report else {}),
        **measured,
    }


def _scan_of(report: ScanReport, claims: dict[str, Any]) -> dict[str, Any]:
    return {
        "verdict": report.verdict,
        "names": list(report.names),
        "unlisted": list(report.unlisted),
        "reason": report.reason,
        "container": report.container,
        "built_with": report.built_with,
        "files": [asdict(one) for one in report.files],
        **({"claims": claims} if claims else {}),
    }


def circumstances_of(
    evaluation: Evaluation,
    isolation: Isolation | None,
    limits: Limits | None,
    outcome: Outcome,
    data: EvaluationData,
    started: datetime,
) -> dict[str, Any]:
    """The other half: host, isolation, libraries, latency, times. Without isolation and limits no model ran."""
    return {
        "schema": "countersign/evaluation-circumstances/1",
        "evaluation": evaluation.number,
        "results_of": str(evaluation.id),
        **({"isolation": isolation.as_dict()} if isolation else {}),
        **({"limits": limits.as_dict()} if limits else {}),
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
