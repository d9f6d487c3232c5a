"""Ten million rows of fifty columns, evaluated in one job and in parts over two workers: time, and the memory of the
job's process and of the model."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from django.utils import timezone
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks import work
from benchmarks.instance import ROOT
from benchmarks.report import Line
from countersign.blobs.store import Incoming, blocks_of, receive
from countersign.celery import app
from countersign.jobs.models import Job
from governance.evaluation.actions import request_evaluation
from governance.evaluation.models import Evaluation
from governance.evaluation.parts.actions import EVALUATE_PART
from registry.datasets.actions import create_dataset, register_dataset_version
from registry.datasets.descriptors import Descriptor
from registry.datasets.models import DatasetVersion
from registry.versions.actions import register_model, register_version
from registry.versions.models import ModelVersion
from registry.versions.values import InputClaim, ReceivedFile

ROWS, COLUMNS, GROUP = 10_000_000, 50, 500_000
PART_ROWS = 2_000_000
NAMES = [f"x{number}" for number in range(COLUMNS)]
PROMISED = 512 << 20
SECONDS = 1_800


def measure(url: str) -> list[Line]:
    """The default suite in one job; the quick suite in one job and in parts over two workers, held against each
    other."""
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        version, learned, data = _registered(Path(folder))
    with _own_workers(1, part_rows=ROWS) as workers:
        idle = max(map(_peak, workers))
        quick = _evaluated(version, data, "quick-binary")
        beside = max(map(_peak, workers)) - idle
        full = _evaluated(version, data, "default-binary")
        beside_full = max(map(_peak, workers)) - idle
        _evaluated(learned, data, "default-binary")
        beside_learned = max(map(_peak, workers)) - idle
    with _own_workers(2, part_rows=PART_ROWS) as workers:
        parted = _evaluated(version, data, "quick-binary")
        beside_parts = max(map(_peak, workers)) - idle
    if parted.results_digest != quick.results_digest:
        raise RuntimeError("the parts gave other results than the one run")
    one, two = _seconds(quick), _seconds(parted)
    shape = f"{ROWS:,} rows × {COLUMNS} columns"
    return [
        Line(f"{shape}, quick suite", f"{one:.0f} s", ""),
        Line(f"{shape}, default suite with its probes", f"{_seconds(full):.0f} s", ""),
        _memory("memory of the job, quick suite", beside),
        _memory("memory of the job, default suite", beside_full),
        _memory(
            "memory of the job, default suite, with as many rows of training data kept here", beside_learned
        ),
        _memory("memory of a job in parts", beside_parts),
        Line("memory of the model's process", _megabytes(_model_peak(quick)), "its limit, 4,096 MB"),
        Line("in parts over two workers", f"{two:.0f} s", f"in one job: {one:.0f} s", two / one),
        Line(
            f"predicting alone, in {len(_parts(parted))} parts over two workers",
            f"{_predicting_parts(parted):.0f} s",
            f"in one process: {_predicting(quick):.0f} s",
            _predicting_parts(parted) / _predicting(quick),
        ),
    ]


def _memory(what: str, measured: int) -> Line:
    return Line(what, f"{_megabytes(measured)} beside an idle worker", "512 MB", measured / PROMISED)


def _megabytes(count: int) -> str:
    return f"{count >> 20:,} MB"


def _registered(folder: Path) -> tuple[ModelVersion, ModelVersion, DatasetVersion]:
    """A gradient boosting model of 200 trees, once more with all the data named as its training data, and the data,
    drawn from a fixed seed."""
    actor, team = work.actor(), work.team()
    path = folder / "data.parquet"
    head = _written(path)
    forest = HistGradientBoostingClassifier(max_iter=200, random_state=1)
    fitted = forest.fit(head.select(NAMES).to_pandas(), head["happened"].to_numpy())
    content = io.BytesIO()
    joblib.dump(fitted, content)
    with path.open("rb") as file:
        incoming = _kept(file)
    data = register_dataset_version(
        dataset=create_dataset(name="bench-large", team=team, actor=actor),
        incoming=incoming,
        descriptor=Descriptor(
            target="happened",
            positive_label="1",
            sensitive_attributes=("sex", "region"),
            row_key="row",
            licence="CC0-1.0",
            source="Drawn by the benchmark",
        ),
        actor=actor,
    )
    model = register_model(name="bench-large", team=team, actor=actor)

    def version(inputs: list[InputClaim]) -> ModelVersion:
        return register_version(
            model=model,
            files=[ReceivedFile("model.joblib", _kept(io.BytesIO(content.getvalue())))],
            signature={
                "features": [{"name": name, "type": "int64"} for name in NAMES],
                "target": "happened",
                "positive_label": "1",
            },
            inputs=inputs,
            actor=actor,
        )

    return version([]), version([InputClaim(data, "training", data.digest)]), data


def _written(path: Path) -> pa.Table:
    """The file of all rows; the first 20,000 of them."""
    random = np.random.default_rng(20_260)
    writer: pq.ParquetWriter | None = None
    head = None
    for start in range(0, ROWS, GROUP):
        columns: dict[str, Any] = {name: random.integers(0, 1_000, GROUP, dtype=np.int16) for name in NAMES}
        risk = (columns["x0"].astype(float) - columns["x1"]) / 300
        columns["row"] = np.arange(start, start + GROUP)
        columns["sex"] = random.choice(["f", "m"], GROUP)
        columns["region"] = random.choice(["north", "south", "east", "west"], GROUP)
        columns["happened"] = (random.random(GROUP) < 1 / (1 + np.exp(-risk))).astype(np.int8)
        table = pa.table(columns)
        if writer is None:
            writer, head = pq.ParquetWriter(path, table.schema), table.slice(0, 20_000)
        writer.write_table(table)
    assert writer is not None and head is not None  # noqa: PT018  there are rows
    writer.close()
    return head


def _kept(file: Any) -> Incoming:
    return receive(blocks_of(file), size=None, expected_sha256=None, limit=20 << 30)


@contextmanager
def _own_workers(count: int, *, part_rows: int) -> Iterator[list[int]]:
    """So many evaluation workers of one place each, in place of the instance's; the ids of their processes."""
    own = os.environ | {"COUNTERSIGN_EVALUATION_PART_ROWS": str(part_rows)}
    app.control.cancel_consumer("evaluation")
    with ExitStack() as stack:
        stack.callback(app.control.add_consumer, "evaluation")
        ids = []
        for number in range(count):
            command = [
                *(sys.executable, "-m", "celery", "-A", "countersign.celery", "worker", "-P", "solo"),
                *("-Q", "evaluation", "-n", f"bench{number}@%h", "--without-mingle", "--without-gossip"),
            ]
            process = subprocess.Popen(
                command, cwd=ROOT, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            ids.append(process.pid)
        _until(lambda: len(app.control.ping(timeout=1.0)) >= count + 1, "the workers to answer")
        yield ids


def _evaluated(version: ModelVersion, data: DatasetVersion, suite: str) -> Evaluation:
    evaluation = request_evaluation(version=version, dataset_version=data, suite=suite, actor=work.actor())
    _until(lambda: not Job.objects.get(id=evaluation.job_id).live, f"evaluation {evaluation.number}")
    ended = Evaluation.objects.select_related("job").get(id=evaluation.id)
    if ended.failure:
        raise RuntimeError(f"the evaluation failed: {ended.failure}")
    return ended


def _until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {SECONDS} s for {what}")
        time.sleep(0.5)


def _seconds(evaluation: Evaluation) -> float:
    """From asking to having evidence."""
    return ((evaluation.finished_at or timezone.now()) - evaluation.created_at).total_seconds()


def _predicting(evaluation: Evaluation) -> float:
    return float(evaluation.circumstances_document["wall_seconds"])


def _predicting_parts(evaluation: Evaluation) -> float:
    """From the start of the first part to the end of the last."""
    jobs = Job.objects.filter(kind=EVALUATE_PART, subject_ref=evaluation.id)
    ends = [(job.started_at, job.ended_at) for job in jobs if job.started_at and job.ended_at]
    return (max(end for _, end in ends) - min(start for start, _ in ends)).total_seconds()


def _model_peak(evaluation: Evaluation) -> int:
    return int(evaluation.circumstances_document["peak_rss_bytes"])


def _parts(evaluation: Evaluation) -> list[dict[str, Any]]:
    return list(evaluation.circumstances_document.get("parts", []))


def _peak(process: int) -> int:
    """The most memory a process ever had resident, in bytes."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not tell a process's peak")
