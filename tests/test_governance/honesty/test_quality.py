"""Defects of data are found and named, power and label noise agree with what was put in."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from statsmodels.stats.power import NormalIndPower

from demo.datasets import CREDIT_FEATURES, DATA
from governance.evaluation.honesty.hashing import row_hashes
from governance.evaluation.honesty.label_noise import suspected_labels
from governance.evaluation.honesty.power import power
from governance.evaluation.honesty.quality import Period, Profile, data_quality
from governance.evaluation.honesty.target import single_feature
from governance.evaluation.measures import measure_binary
from governance.evaluation.measures.slices import binary_slices
from registry.versions.tasks import Task
from tests.test_governance.measures.samples import binormal


def profiled(table: pa.Table) -> Profile:
    profile = Profile()
    for batch in table.to_batches(max_chunksize=700):
        profile.add(batch)
    return profile


def quality(table: pa.Table, labels: Any, task: Task = Task.BINARY, **more: Any) -> dict[str, Any]:
    features = table.column_names
    return data_quality(
        profiled(table),
        features=features,
        labels=np.asarray(labels),
        task=task,
        content=row_hashes(table, features),
        **({"row_key": "id"} | more),
    )


def codes(found: dict[str, Any]) -> dict[str, str]:
    return {f"{one['code']} {one['column']}".strip(): one["severity"] for one in found["findings"]}


def table(rows: int = 1000, **columns: Any) -> pa.Table:
    return pa.table({"number": np.arange(rows), **columns})


LABELS = np.arange(1000) % 2
ROWS_OF_TYPES = 400


def test_real_data_have_no_blocker() -> None:
    held = pq.read_table(DATA / "credit_default_holdout.parquet")
    found = quality(held.select(list(CREDIT_FEATURES)), held["default"].to_numpy())
    assert found["blockers"] == {
        "value": 0.0,
        "ci_low": None,
        "ci_high": None,
        "method": "counted",
        "n": 11957,
    }
    assert set(codes(found)) == {"duplicate_rows", "label_conflicts"}
    assert all(column["missing"] == 0 for column in found["columns"])


def test_good_data_have_no_finding() -> None:
    found = quality(table(word=["a", "b"] * 500), LABELS)
    assert (found["findings"], found["rows"]) == ([], 1000)


def test_columns_that_say_nothing_or_are_missing() -> None:
    found = quality(
        table(
            same=["x"] * 1000,
            empty=pa.array([None] * 1000, pa.float64()),
            gone=pa.array([None if at < 300 else 1.5 * at for at in range(1000)]),
            rare=pa.array([float("nan") if at < 3 else 1.5 * at for at in range(1000)]),
        ),
        LABELS,
    )
    assert codes(found) == {
        "empty_column empty": "blocker",
        "constant_column same": "warning",
        "missing_values gone": "warning",
        "missing_values rare": "note",
    }
    assert found["blockers"]["value"] == 1.0
    sentences = {one["column"]: one["sentence"] for one in found["findings"]}
    assert sentences["gone"] == "300 rows (30.0%) have no value."
    assert sentences["rare"] == "3 rows (0.3%) have no value."


def test_a_column_is_constant_only_over_all_batches() -> None:
    changing = table(late=["x"] * 999 + ["y"])
    assert quality(changing, LABELS)["findings"] == []


def test_rows_said_twice_and_labels_that_contradict_each_other() -> None:
    numbers = np.arange(1000)
    numbers[:40] = numbers[40:80]  # the same features, the same label
    numbers[1], numbers[3] = 500, 502  # the same features, the other label
    found = quality(table().set_column(0, "number", pa.array(numbers)), LABELS)
    counted = {one["code"]: (one["count"], one["severity"]) for one in found["findings"]}
    assert counted["label_conflicts"] == (4, "note")
    assert counted["duplicate_rows"] == (38, "note")  # different keys: different rows that look alike
    nameless = quality(table().set_column(0, "number", pa.array(numbers)), LABELS, row_key="")
    assert codes(nameless)["duplicate_rows"] == "warning"
    continuous = quality(table().set_column(0, "number", pa.array(numbers)), LABELS * 1.0, Task.REGRESSION)
    assert set(codes(continuous)) == {"duplicate_rows"}


@pytest.mark.parametrize(
    ("rows", "positives", "expected"),
    [
        (99, 50, {"too_few_rows": "blocker"}),
        (1000, 29, {"too_few_positives": "blocker"}),
        (1000, 971, {"too_few_negatives": "blocker"}),
        (4000, 39, {"rare_class": "note"}),
        (4000, 40, {}),
    ],
)
def test_classes_need_rows(rows: int, positives: int, expected: dict[str, str]) -> None:
    assert codes(quality(table(rows), np.arange(rows) < positives)) == expected


def test_small_classes_of_several() -> None:
    labels = np.repeat([0, 1, 2], [500, 471, 29])
    assert codes(quality(table(), labels, Task.MULTICLASS)) == {"small_classes": "warning"}


def test_small_groups_and_missing_keys_are_said() -> None:
    groups = [
        {"attribute": "sex", "group": "female", "n": 900, "sufficient": True},
        {"attribute": "sex", "group": "unknown", "n": 12, "sufficient": False},
    ]
    found = quality(table(), LABELS, groups=groups, row_key="")
    assert codes(found) == {"small_group sex": "warning", "no_row_key": "note"}
    assert "“unknown” has 12 rows" in found["findings"][0]["sentence"]


def test_words_never_trained_on() -> None:
    training = profiled(pa.table({"word": ["a", "b", "c"] * 10}))
    held = table(word=["a"] * 930 + ["z"] * 70)
    found = quality(held, LABELS, training=training)
    assert codes(found) == {"unseen_categories word": "warning"}
    assert found["findings"][0]["sentence"] == "70 rows have a value the training data lack: “z”."
    dictionary = held.set_column(1, "word", held["word"].dictionary_encode())
    assert quality(dictionary, LABELS, training=training)["findings"] == found["findings"]


def test_data_older_than_what_was_trained_on() -> None:
    old = quality(table(), LABELS, period=Period(2015, 2018), training_period=Period(2014, 2016))
    assert codes(old) == {"overlaps_training_in_time": "warning"}
    assert old["period"] == {"first": "2015", "last": "2018"}
    later = quality(table(), LABELS, period=Period(2017, 2018), training_period=Period(2014, 2016))
    other_kind = quality(table(), LABELS, period=Period("2015", "2018"), training_period=Period(2014, 2016))
    assert codes(later) == codes(other_kind) == {}


def test_every_type_of_column_is_taken() -> None:
    """What Arrow files hold beside plain numbers and words: none of it ends an evaluation."""
    half = ROWS_OF_TYPES // 2
    columns = {
        "null": pa.nulls(ROWS_OF_TYPES),
        "bytes": pa.array([b"\xff\xfe", b"a"] * half),
        "fixed": pa.array([b"abcd", b"efgh"] * half, pa.binary(4)),
        "decimal": pa.array([Decimal("1.50"), None] * half),
        "time": pa.array([time(1, 2), time(3)] * half),
        "duration": pa.array([timedelta(1), None] * half),
        "stamp": pa.array([datetime(2020, 1, 1 + at % 28, tzinfo=UTC) for at in range(ROWS_OF_TYPES)]),
        "truth": pa.array([True, None] * half),
        "endless": pa.array([float("inf"), -float("inf"), float("nan"), 1.0] * (half // 2)),
        "half": pa.array(np.arange(ROWS_OF_TYPES).astype("float16")),
        "unsigned": pa.array([2**64 - 1, 5] * half, pa.uint64()),
        "coded": pa.array(["a", None] * half).dictionary_encode(),
        "long": pa.array(["x", "y"] * half, pa.large_string()),
        "huge": pa.array([1e300, -1e300] * half),
    }
    labels = np.random.default_rng(1).integers(2, size=ROWS_OF_TYPES)
    found = quality(pa.table(columns), labels)
    assert {name for name, severity in codes(found).items() if severity == "blocker"} == {"empty_column null"}
    sliced = binary_slices(columns, labels=labels, scores=np.full(ROWS_OF_TYPES, 0.4), threshold=0.5)
    assert set(columns) - set(sliced["columns"]) == {"null", "bytes", "fixed", "time", "duration"}
    for task in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION):
        assert single_feature(columns, target=labels, task=task)["suspicious"] == []


def test_power_is_that_of_the_normal_test() -> None:
    """A one-sample z test of statsmodels finds that difference, in standard deviations, with 80 % power."""
    labels, scores = binormal(np.random.default_rng(1), 5000, prevalence=0.5, shift=1.0)
    measured = measure_binary(
        labels=labels, scores=scores, threshold=0.5, favourable_is_positive=True, groups={}, seed=1, draws=200
    )
    found = power(measured["metrics"], Task.BINARY)
    assert found["measure"] == "roc_auc"
    assert found["smallest_difference"] == found["measures"]["roc_auc"]
    accuracy = measured["metrics"]["accuracy"]["value"]
    effect = NormalIndPower().solve_power(nobs1=5000, alpha=0.05, power=0.8, ratio=0)
    expected = effect * (accuracy * (1 - accuracy)) ** 0.5
    assert found["measures"]["accuracy"]["value"] == pytest.approx(expected, rel=1e-3)  # Wilson's, not Wald's
    missing = power({"roc_auc": {"value": 0.7, "ci_low": None, "ci_high": None, "n": 5}}, Task.BINARY)
    assert "no interval" in missing["smallest_difference"]["undefined"]


def test_labels_turned_over_are_suspected_beyond_what_scores_allow() -> None:
    rng = np.random.default_rng(1)
    chance = rng.beta(0.5, 0.5, size=20_000)
    labels = (rng.random(20_000) < chance).astype(int)
    probabilities = np.column_stack([1 - chance, chance])
    clean = suspected_labels(labels, probabilities)
    assert clean["suspected"]["ci_low"] < clean["allowed"]["value"] < clean["suspected"]["ci_high"]
    turned = np.where(rng.random(20_000) < 0.1, 1 - labels, labels)
    noisy = suspected_labels(turned, probabilities)
    assert noisy["suspected"]["value"] - noisy["allowed"]["value"] == pytest.approx(0.05, abs=0.02)
    assert noisy["suspected"]["value"] > 2 * clean["suspected"]["value"]
    assert "hint" in noisy["caveat"]


def test_confident_learning_as_published() -> None:
    """The counting of Northcutt et al. 2021, section 3.1, by hand on six rows of three classes."""
    probabilities = np.array(
        [
            [0.9, 0.1, 0.0],
            [0.7, 0.2, 0.1],
            [0.1, 0.8, 0.1],
            [0.85, 0.1, 0.05],
            [0.1, 0.3, 0.6],
            [0.3, 0.4, 0.3],
        ]
    )
    labels = np.array([0, 0, 1, 1, 2, 2])
    found = suspected_labels(labels, probabilities)
    # thresholds 0.8, 0.45 and 0.45: the fourth row reaches that of class 0 alone
    assert found["suspected"]["value"] == pytest.approx(1 / 6)
    assert [one["suspected"] for one in found["by_class"]] == [0, 1, 0]
