"""What the sandbox costs over running a model bare, and how long the scanner takes over a large file."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from benchmarks.report import Line
from governance.evaluation.data import open_features
from governance.evaluation.sandbox import (
    TRUSTED_SKOPS_TYPES,
    Flavour,
    Limits,
    detect_isolation,
    predict,
    scan,
)

ROWS, COLUMNS, BATCH = 1_000_000, 50, 65_536
NAMES = [f"x{number}" for number in range(COLUMNS)]
LIMITS = Limits(cpu_seconds=600, wall_seconds=600)
FILE_BYTES = 40 << 20

BARE = """
import json, resource, sys, time
started = time.perf_counter()
import joblib, pyarrow.parquet
model = joblib.load(sys.argv[1])
for batch in pyarrow.parquet.ParquetFile(sys.argv[2]).iter_batches(int(sys.argv[3]), use_threads=False):
    model.predict_proba(batch.to_pandas(use_threads=False))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, time.perf_counter() - started]))
"""


def measure(url: str) -> list[Line]:
    """Two models in the sandbox and bare; the scan of a forest of 40 MB."""
    random = np.random.default_rng(20_260)
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as name:
        folder = Path(name)
        features = random.normal(size=(ROWS, COLUMNS)).astype(np.float32)
        labels = (features[:, 0] + random.normal(size=ROWS) > 0).astype(int)
        data = folder / "data.parquet"
        pq.write_table(
            pa.table(dict(zip(NAMES, features.T.copy(), strict=True))), data, row_group_size=100_000
        )
        head = pq.ParquetFile(data).read_row_group(0).to_pandas()[:20_000]
        lines = []
        for title, estimator in (
            ("logistic regression", LogisticRegression()),
            ("gradient boosting", HistGradientBoostingClassifier(max_iter=100, random_state=1)),
        ):
            artifact = folder / "model.joblib"
            joblib.dump(estimator.fit(head, labels[:20_000]), artifact)
            lines += _held_against_bare(title, artifact, data)
        return [*lines, *_scanned(folder, features[:40_000], labels[:40_000])]


def _held_against_bare(title: str, artifact: Path, data: Path) -> list[Line]:
    features = open_features(data, data_format="parquet", features=NAMES, tick=lambda rows: None)
    began, processor = time.perf_counter(), time.process_time()
    outcome = predict(
        artifact=artifact,
        flavour=Flavour.JOBLIB,
        batches=features.batches(BATCH),
        rows=ROWS,
        limits=LIMITS,
        isolation=detect_isolation(),
        trusted_types=TRUSTED_SKOPS_TYPES,
        keep="1",
    )
    wall = time.perf_counter() - began
    cpu = time.process_time() - processor + outcome.circumstances["cpu_seconds"]
    bare_cpu, bare_wall = _bare(artifact, data)
    what = f"{title}, {ROWS:,} rows × {COLUMNS}, level {outcome.circumstances['isolation']['level']}"
    return [
        Line(
            f"{what}: processor time of both sides", f"{cpu:.1f} s", f"bare: {bare_cpu:.1f} s", cpu / bare_cpu
        ),
        Line(f"{what}: time", f"{wall:.1f} s", f"bare: {bare_wall:.1f} s", wall / bare_wall),
    ]


def _bare(artifact: Path, data: Path) -> tuple[float, float]:
    """The same rows through the same model, in a process that nobody confines: processor time and time."""
    answered = subprocess.run(
        [sys.executable, "-c", BARE, str(artifact), str(data), str(BATCH)],
        env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    cpu, wall = json.loads(answered.stdout)
    return float(cpu), float(wall)


def _scanned(folder: Path, features: Any, labels: Any) -> list[Line]:
    artifact = folder / "forest.joblib"
    trees = 8
    while True:
        forest = RandomForestClassifier(trees, random_state=1, n_jobs=1).fit(features[:, :8], labels)
        joblib.dump(forest, artifact)
        if (size := artifact.stat().st_size) >= FILE_BYTES:
            break
        trees = int(trees * FILE_BYTES / size) + 1
    began = time.perf_counter()
    report = scan(artifact=artifact, flavour=Flavour.JOBLIB, limits=LIMITS, isolation=detect_isolation())
    seconds = time.perf_counter() - began
    if report.verdict == "blocked":
        raise RuntimeError(f"the forest was not scanned: {report.reason}")
    began = time.perf_counter()
    joblib.load(artifact)
    loading = time.perf_counter() - began
    what = f"scan of a forest of {size / (1 << 20):.0f} MB"
    return [Line(what, f"{seconds:.1f} s", f"loading it: {loading:.1f} s", seconds / loading)]
