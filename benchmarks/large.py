"""Ten million rows of fifty columns, evaluated in one job and in parts over two workers, and as each other task: time,
and the memory of the job's process and of the model."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from django.utils import timezone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

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
from registry.versions.models import ModelVersion, RegisteredModel
from registry.versions.tasks import Task
from registry.versions.values import InputClaim, ReceivedFile

ROWS, COLUMNS, GROUP = 10_000_000, 50, 500_000
PART_ROWS = 2_000_000
NAMES = [f"x{number}" for number in range(COLUMNS)]
PROMISED = 512 << 20
SECONDS = 1_800


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a model of one task predicts, and how it is fitted."""

    target: str
    estimator: Any
    positive_label: str = ""
    query_column: str = ""


ASKED = {
    Task.BINARY: _Asked("happened", HistGradientBoostingClassifier(max_iter=200, random_state=1), "1"),
    Task.REGRESSION: _Asked("amount", HistGradientBoostingRegressor(max_iter=50, random_state=1)),
    Task.RANKING: _Asked(
        "relevance", HistGradientBoostingRegressor(max_iter=50, random_state=1), query_column="query"
    ),
    Task.MULTICLASS: _Asked("kind", HistGradientBoostingClassifier(max_iter=50, random_state=1)),
}
CLASSES, QUERY_ROWS = 4, 20


def measure(url: str) -> list[Line]:
    """A binary classifier by the default suite in one job, and by the quick suite in one job and in parts over two
    workers, held against each other; the other tasks by their default suites."""
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        data, versions, learned = _registered(Path(folder))
    version, holdout = versions[Task.BINARY], data[Task.BINARY]
    with _own_workers(1, part_rows=ROWS) as workers:
        idle = max(map(_peak, workers))
        quick = _evaluated(version, holdout, "quick-binary")
        beside = max(map(_peak, workers)) - idle
        full = _evaluated(version, holdout, "default-binary")
        beside_full = max(map(_peak, workers)) - idle
        _evaluated(learned, holdout, "default-binary")
        beside_learned = max(map(_peak, workers)) - idle
    with _own_workers(2, part_rows=PART_ROWS) as workers:
        parted = _evaluated(version, holdout, "quick-binary")
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
        *(_of_task(task, versions[task], data[task]) for task in ASKED if task is not Task.BINARY),
    ]


def _of_task(task: Task, version: ModelVersion, data: DatasetVersion) -> Line:
    """The memory of one more task, in a worker that did nothing before."""
    with _own_workers(1, part_rows=ROWS) as workers:
        idle = max(map(_peak, workers))
        ended = _evaluated(version, data, f"default-{task}")
        beside = max(map(_peak, workers)) - idle
    detail = {
        Task.MULTICLASS: f", {CLASSES} classes",
        Task.RANKING: f", {ROWS // QUERY_ROWS:,} queries",
    }.get(task, "")
    return _memory(f"memory of the job, default-{task}{detail} ({_seconds(ended):.0f} s)", beside)


def _memory(what: str, measured: int) -> Line:
    return Line(what, f"{_megabytes(measured)} beside an idle worker", "512 MB", measured / PROMISED)


def _megabytes(count: int) -> str:
    return f"{count >> 20:,} MB"


def _registered(
    folder: Path,
) -> tuple[dict[Task, DatasetVersion], dict[Task, ModelVersion], ModelVersion]:
    """The data and a boosted model for each task, and the binary one once more with all the data named as its
    training data. All is drawn from a fixed seed."""
    actor, team = work.actor(), work.team()
    path = folder / "data.parquet"
    head = _written(path)
    data: dict[Task, DatasetVersion] = {}
    versions: dict[Task, ModelVersion] = {}
    for task, asked in ASKED.items():
        with path.open("rb") as file:
            incoming = _kept(file)
        data[task] = register_dataset_version(
            dataset=create_dataset(name=f"bench-large-{task}", team=team, actor=actor),
            incoming=incoming,
            descriptor=Descriptor(
                target=asked.target,
                positive_label=asked.positive_label,
                query_column=asked.query_column,
                sensitive_attributes=("sex", "region"),
                row_key="row",
                licence="CC0-1.0",
                source="Drawn by the benchmark",
            ),
            actor=actor,
        )
        model = register_model(name=f"bench-large-{task}", team=team, actor=actor)
        versions[task] = _version(model, task, head, [])
    binary = versions[Task.BINARY].model
    learned = [InputClaim(data[Task.BINARY], "training", data[Task.BINARY].digest)]
    return data, versions, _version(binary, Task.BINARY, head, learned)


def _version(model: RegisteredModel, task: Task, head: pa.Table, inputs: list[InputClaim]) -> ModelVersion:
    asked = ASKED[task]
    content = io.BytesIO()
    joblib.dump(asked.estimator.fit(head.select(NAMES).to_pandas(), head[asked.target].to_numpy()), content)
    signature = {
        "task": task.value,
        "features": [{"name": name, "type": "int64"} for name in NAMES],
        "target": asked.target,
    }
    if asked.positive_label:
        signature["positive_label"] = asked.positive_label
    return register_version(
        model=model,
        files=[ReceivedFile("model.joblib", _kept(io.BytesIO(content.getvalue())))],
        signature=signature,
        inputs=inputs,
        actor=work.actor(),
    )


def _written(path: Path) -> pa.Table:
    """The file of all rows; the first 20,000 of them."""
    random = np.random.default_rng(20_260)
    writer: pq.ParquetWriter | None = None
    head = None
    for start in range(0, ROWS, GROUP):
        columns: dict[str, Any] = {name: random.integers(0, 1_000, GROUP, dtype=np.int16) for name in NAMES}
        difference = columns["x0"].astype(float) - columns["x1"]
        columns["row"] = np.arange(start, start + GROUP)
        columns["sex"] = random.choice(["f", "m"], GROUP)
        columns["region"] = random.choice(["north", "south", "east", "west"], GROUP)
        columns["happened"] = (random.random(GROUP) < 1 / (1 + np.exp(-difference / 300))).astype(np.int8)
        columns["amount"] = difference + random.normal(scale=300, size=GROUP)
        columns["relevance"] = np.digitize(columns["amount"], [-300, 300]).astype(np.int8)
        columns["query"] = columns["row"] // QUERY_ROWS
        near = np.stack([columns[name] for name in NAMES[:CLASSES]], axis=1)
        columns["kind"] = (near + random.normal(scale=200, size=near.shape)).argmax(axis=1).astype(np.int8)
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
