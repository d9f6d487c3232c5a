"""Equal input gives equal bytes: again, in another order of rows, in another process."""

import hashlib
import json
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np

from governance.evaluation.measures import compare_paired, measure_binary
from tests.test_governance.measures.samples import Array, binormal, breast_cancer


def results(order: Array | None = None, **change: Any) -> str:
    """Both results on real data with many tied scores, as JSON."""
    real = breast_cancer()
    rows = np.arange(569) if order is None else order
    labels, scores, champion, names = (column[rows] for column in real)
    columns = {"labels": labels, "scores": scores.round(2)}
    settings = {"threshold": 0.5, "seed": 11, "draws": 300, **change}
    measured = measure_binary(**columns, favourable_is_positive=True, groups={"symmetry": names}, **settings)
    compared = compare_paired(**columns, champion_scores=champion, **settings)
    return json.dumps([measured, compared], allow_nan=False, sort_keys=True)


def digest() -> str:
    return hashlib.sha256(results().encode()).hexdigest()


def test_a_second_call_gives_the_same_bytes() -> None:
    assert results() == results()


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    assert results(rng.permutation(569)) == results(rng.permutation(569)) == results()


def test_the_seed_matters_to_drawn_intervals_only() -> None:
    first, second = (json.loads(results(seed=seed))[0]["metrics"] for seed in (11, 12))
    differing = {name for name in first if first[name] != second[name]}
    assert differing == {"ks", "calibration_error", "f1", "balanced_accuracy", "matthews"}
    assert all(first[name]["value"] == second[name]["value"] for name in first)


def test_another_attribute_changes_no_other_number() -> None:
    real = breast_cancer()
    names = {"symmetry": real.groups}
    added = {"row": np.array(["odd", "even"] * 285)[:569], **names}
    one, two = (
        measure_binary(
            labels=real.labels,
            scores=real.scores,
            threshold=0.5,
            favourable_is_positive=True,
            groups=groups,
            seed=1,
            draws=200,
        )
        for groups in (names, added)
    )
    assert one["metrics"] == two["metrics"]
    assert one["fairness"] == two["fairness"][1:]


def test_another_process_with_other_threads_gives_the_same_bytes() -> None:
    code = "from tests.test_governance.measures.test_stability import digest; print(digest())"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1"}
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == digest()


def test_every_float_has_at_most_12_significant_digits() -> None:
    def walk(item: Any) -> None:
        if isinstance(item, dict):
            item = list(item.values())
        if isinstance(item, list):
            for part in item:
                walk(part)
        if isinstance(item, float):
            assert item == float(f"{item:.12g}")

    walk(json.loads(results()))


def test_100_000_rows_take_seconds() -> None:
    rng = np.random.default_rng(1)
    labels, scores = binormal(rng, 100_000, prevalence=0.2, shift=1.0)
    groups = {"sex": rng.choice(["women", "men"], 100_000), "band": rng.integers(9, size=100_000).astype(str)}
    began = time.process_time()
    measure_binary(
        labels=labels, scores=scores, threshold=0.5, favourable_is_positive=True, groups=groups, seed=1
    )
    assert time.process_time() - began < 12  # 2 s on the machine it was written on
