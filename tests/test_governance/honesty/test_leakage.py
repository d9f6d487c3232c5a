"""Leaks put into real data are found, clean data are not accused, and data that cannot tell say so."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from demo.datasets import CREDIT_FEATURES, DATA, EMPLOYMENT_FEATURES
from governance.evaluation.honesty.hashing import Hashes, row_hashes, shared, value_hashes
from governance.evaluation.honesty.leakage import overlap_by_content, overlap_by_key, settled
from governance.evaluation.honesty.target import single_feature
from registry.versions.tasks import Task


def both(name: str) -> tuple[pa.Table, pa.Table]:
    """Training and evaluation data of the demonstration."""
    return tuple(pq.read_table(DATA / f"{name}_{part}.parquet") for part in ("train", "holdout"))  # type: ignore[return-value]


def by_content(ours: Hashes, theirs: Hashes) -> dict[str, Any]:
    """What is found of the overlap of two tables whose rows have these hashes."""
    training = np.sort(theirs)
    return overlap_by_content(shared(ours, training), len(ours), training, seed=1)


def by_key(ours: Hashes, theirs: Hashes) -> dict[str, Any]:
    """The same of their keys."""
    return overlap_by_key(shared(ours, np.sort(theirs)), len(ours))


def leaking(name: str, share: float) -> dict[str, Any]:
    """What is found where this share of the evaluation rows is replaced by training rows."""
    training, evaluation = both(name)
    columns = [column for column in evaluation.column_names if column not in ("row_key", "year")]
    leaked = round(share * evaluation.num_rows)
    mixed = pa.concat_tables([evaluation.slice(leaked), training.slice(100, leaked)])
    return by_content(row_hashes(mixed, columns), row_hashes(training, columns))


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_leaked_rows_are_found_on_credit_data(share: float) -> None:
    found = leaking("credit_default", share)
    overlap = found["row_overlap"]
    assert "inconclusive" not in found
    assert found["shared_rows"] == round(share * 11957)
    assert overlap["value"] == pytest.approx(share, abs=0.003)  # less what repeats by chance
    assert 0 < overlap["ci_low"] <= overlap["value"] <= overlap["ci_high"]


def test_clean_credit_data_are_not_accused() -> None:
    found = leaking("credit_default", 0)
    assert (found["shared_rows"], found["row_overlap"]["value"]) == (0, 0.0)
    assert found["row_overlap"]["ci_high"] < 0.001
    assert 0 < found["baseline"]["value"] < 0.005
    assert "inconclusive" not in found


@pytest.mark.parametrize("share", [0, 0.01, 0.05])
def test_rows_of_few_values_tell_nothing(share: float) -> None:
    found = leaking("employment", share)
    assert found["baseline"]["value"] > 0.2
    assert found["inconclusive"].endswith("Declare a row key for both datasets.")


def test_the_halves_depend_on_the_rows_and_not_on_their_order() -> None:
    training, evaluation = both("credit_default")
    columns = list(CREDIT_FEATURES)
    ours, theirs = row_hashes(evaluation, columns), row_hashes(training, columns)
    shuffled = np.random.default_rng(2).permutation(theirs)
    assert by_content(ours, theirs) == by_content(ours, shuffled)


def test_row_keys_count_where_both_declare_them() -> None:
    training, evaluation = both("employment")
    keys = [row_hashes(table, ["row_key"]) for table in (evaluation, training)]
    clean = by_key(keys[0], keys[1])
    assert (clean["method"], clean["row_overlap"]["value"], clean["shared_rows"]) == ("row key", 0.0, 0)
    keys[0][:120] = keys[1][500:620]
    leak = by_key(keys[0], keys[1])
    assert leak["row_overlap"]["value"] == pytest.approx(0.01)
    told = settled(leak, leaking("employment", 0.01))
    assert (told["method"], told["row_overlap"]) == ("row key", leak["row_overlap"])
    assert "inconclusive" not in told
    assert "inconclusive" in told["by_content"]


def test_keys_given_anew_hide_no_leak() -> None:
    nothing = by_key(np.arange(10, dtype=np.uint64), np.arange(10, 20, dtype=np.uint64))
    told = settled(nothing, leaking("credit_default", 0.05))
    assert told["row_overlap"]["value"] == pytest.approx(0.05, abs=0.003)
    assert told["by_key"] == nothing
    assert settled(nothing, leaking("credit_default", 0))["method"] == "row key"
    assert settled(None, leaking("credit_default", 0))["method"].startswith("equal content")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (pa.array([1, None], pa.int32()), pa.array([1.0, float("nan")]), True),
        (pa.array([1, 2], pa.uint8()), pa.array([1, 2], pa.int64()), True),
        (pa.array([0.5, -0.0], pa.float32()), pa.array([0.5, 0], pa.float64()), True),
        (pa.array(["a", None]), pa.array(["a", None]).dictionary_encode(), True),
        (pa.array([date(2020, 1, 2)]), pa.array([datetime(2020, 1, 2)], pa.timestamp("ns")), True),
        (pa.array(["1"]), pa.array([1]), False),
        (pa.array([0.1]), pa.array([0.1 + 2**-60]), True),
        (pa.array([0.1]), pa.array([0.1 + 2**-50]), False),
        (pa.array([2**53 + 1]), pa.array([2**53 + 2]), False),
        (pa.array([True]), pa.array([1]), True),
        (pa.array([""]), pa.array([None], pa.string()), False),
    ],
    ids=lambda value: "",
)
def test_values_are_equal_whatever_they_are_stored_as(one: pa.Array, other: pa.Array, equal: bool) -> None:
    assert (value_hashes(one) == value_hashes(other)).all() == equal


def test_a_row_is_all_of_its_columns_in_their_places() -> None:
    table = pa.table({"a": [1, 2, 1], "b": [2, 1, 2]})
    hashes = row_hashes(table, ["a", "b"])
    assert hashes[0] == hashes[2] != hashes[1]
    parts = [row_hashes(batch, ["a", "b"]) for batch in table.to_batches(max_chunksize=2)]
    assert (np.concatenate(parts) == hashes).all()


def test_the_feature_that_is_the_target_is_named() -> None:
    table = both("credit_default")[1]
    target = table["default"].to_numpy()
    features = {name: table[name] for name in CREDIT_FEATURES}
    clean = single_feature(features, target=target, task=Task.BINARY)
    assert clean["suspicious"] == []
    best = clean["features"][0]
    assert best["feature"] == "repayment_status_september"
    by_rank = roc_auc_score(target, table["repayment_status_september"].to_numpy())
    assert by_rank <= best["value"]["value"] < by_rank + 0.03
    assert best["value"] == clean["single_feature"]
    rng = np.random.default_rng(1)
    leaks = {
        "written off": pa.array(np.where(target == 1, "yes", "no")),
        "collections": pa.array([None if one else float(at) for at, one in enumerate(target)]),
        "closing code": pa.array(np.where(target == 1, 2, 2 * rng.integers(0, 2, size=len(target)) * 3 + 1)),
    }
    found = single_feature(features | leaks, target=target, task=Task.BINARY)
    assert set(found["suspicious"]) == set(leaks)
    assert found["single_feature"]["value"] == 1.0
    assert found["single_feature"]["ci_low"] > 0.999


def test_a_name_of_each_row_vouches_for_nothing() -> None:
    table = both("employment")[1]
    target = table["employed"].to_numpy()
    features = {"who": table["row_key"], "half": pa.array([f"{at // 2}" for at in range(len(target))])}
    found = single_feature(features, target=target, task=Task.BINARY)
    assert found["single_feature"]["value"] < 0.6
    assert found["suspicious"] == []


def test_a_leak_is_found_in_every_task() -> None:
    table = both("employment")[1]
    features = {name: table[name] for name in EMPLOYMENT_FEATURES}
    bands, classes = np.unique(table["age_band"].to_numpy(zero_copy_only=False), return_inverse=True)
    several = single_feature(features, target=classes, task=Task.MULTICLASS)
    assert (several["suspicious"], several["features"][0]["feature"]) == (["age"], "age")
    assert len(bands) > 2
    number = table["age"].to_numpy().astype(float)
    linear = single_feature(
        {**features, "born": pa.array(2018 - number)}, target=number, task=Task.REGRESSION
    )
    assert linear["suspicious"] == ["age", "born"]
    without = single_feature(
        {name: values for name, values in features.items() if name != "age"},
        target=number,
        task=Task.REGRESSION,
    )
    assert without["suspicious"] == []


def test_features_without_order_leave_it_undefined() -> None:
    found = single_feature({"same": pa.array([1] * 50)}, target=np.arange(50) % 2, task=Task.BINARY)
    assert found["single_feature"]["value"] is None
    assert found["single_feature"]["undefined"]
