"""What disturbed inputs cost, on models that take missing values and on one that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from governance.evaluation.measures.estimate import plain, stream
from governance.evaluation.probes.columns import with_gaps, with_numbers, with_unseen
from governance.evaluation.probes.robustness import SCENARIOS, Robustness
from governance.evaluation.probes.subject import with_columns
from registry.versions.tasks import Task

from . import asking

SCENARIO = {scenario.name: scenario for scenario in SCENARIOS}


def disturbed(name: str, subject: Any) -> pa.RecordBatch:
    return SCENARIO[name].disturb(subject, stream(subject.seed, "probes", "robustness", name))


def test_each_scenario_costs_what_the_model_loses_on_its_rows() -> None:
    predict = asking.positive(asking.trees())
    subject = asking.subject(predict)
    found = asking.ask(Robustness(subject), predict)
    robustness = found.results["robustness"]
    assert [entry["name"] for entry in robustness["scenarios"]] == list(SCENARIO)
    before = roc_auc_score(asking.labels(), subject.scores[:, 0])
    assert robustness["undisturbed"]["value"] == pytest.approx(before, abs=1e-9)
    for entry in robustness["scenarios"]:
        after = roc_auc_score(asking.labels(), predict(disturbed(entry["name"], subject).to_pandas())[:, 0])
        assert entry["value"]["value"] == pytest.approx(after, abs=1e-9), entry["name"]
        assert entry["drop"]["value"] == pytest.approx(before - after, abs=1e-9)
        assert entry["drop"]["ci_low"] <= entry["drop"]["value"] <= entry["drop"]["ci_high"]
        assert (entry["share"], entry["rows"], entry["metric"]) == (1, asking.ROWS, "roc_auc")
    drops = {entry["name"]: entry["drop"]["value"] for entry in robustness["scenarios"]}
    assert drops["missing_5"] < drops["missing_10"] < drops["missing_20"]
    assert drops["noise_0.1"] < drops["noise_0.3"]
    # the model does not read the one text
    assert drops["unseen_category"] == 0
    assert robustness["largest_drop"]["value"] == max(drops["missing_10"], drops["noise_0.1"])
    worst = max("missing_10", "noise_0.1", key=lambda name: drops[name])
    assert robustness["largest_drop_in"] == SCENARIO[worst].title
    assert found.not_measured == []
    again = asking.ask(Robustness(asking.subject(predict)), predict)
    assert plain(again.results) == plain(found.results)


def test_a_model_that_cannot_take_missing_values_says_so_and_is_measured_otherwise() -> None:
    predict = asking.positive(asking.linear())
    found = asking.ask(Robustness(asking.subject(predict)), predict)
    entries = {entry["name"]: entry for entry in found.results["robustness"]["scenarios"]}
    missing = entries["missing_10"]
    assert missing["share"] == 0
    assert "100% of the rows were not answered" in missing["failed"]
    assert "contains NaN" in missing["failed"]
    assert missing["drop"]["value"] is None
    assert missing["drop"]["undefined"] == missing["failed"]
    assert "failed" not in entries["noise_0.1"]
    assert entries["noise_0.3"]["drop"]["value"] > 0
    largest = found.results["robustness"]["largest_drop"]
    assert largest["value"] is None
    assert largest["undefined"] == "The model does not answer every row with 10 % of values missing."
    assert [entry["what"] for entry in found.not_measured] == [
        f"Robustness: {SCENARIO[name].title}" for name in ("missing_5", "missing_10", "missing_20")
    ]


def test_scenarios_without_their_columns_are_left_out_with_the_reason() -> None:
    texts = asking.table().select(["region"])
    predict = lambda frame: np.where(frame["region"] == "north", 0.8, 0.3)[:, None]  # noqa: E731
    found = asking.ask(Robustness(asking.subject(predict, rows=texts)), predict)
    assert {entry["name"] for entry in found.results["robustness"]["scenarios"]} == {
        "missing_5",
        "missing_10",
        "missing_20",
        "unseen_category",
    }
    assert {entry["why"] for entry in found.not_measured} == {"No feature holds numbers."}
    digits = asking.table().select(["strong"])
    predict = lambda frame: 1 / (1 + np.exp(-frame[["strong"]].fillna(0).to_numpy()))  # noqa: E731
    found = asking.ask(Robustness(asking.subject(predict, rows=digits)), predict)
    assert [entry["why"] for entry in found.not_measured] == [
        "No feature holds text or is declared to hold categories."
    ]


def test_a_regression_loses_r_squared_with_a_paired_bootstrap() -> None:
    target, forest = asking.numbers()
    predict = lambda frame: forest.predict(frame[list(asking.FEATURES)])[:, None]  # noqa: E731
    subject = asking.subject(predict, task=Task.REGRESSION, labels=target, changed=None)
    found = asking.ask(Robustness(subject), predict)
    for entry in found.results["robustness"]["scenarios"]:
        after = predict(disturbed(entry["name"], subject).to_pandas())[:, 0]
        drop = r2_score(target, subject.scores[:, 0]) - r2_score(target, after)
        assert entry["drop"]["value"] == pytest.approx(drop, abs=1e-9)
        assert entry["drop"]["method"] == "paired bootstrap"
        assert entry["drop"]["ci_low"] <= entry["drop"]["value"] <= entry["drop"]["ci_high"]
    # the simple closed form: a drop is a mean over rows but for the target's spread, which is known well
    losses = (after - target) ** 2 - (subject.scores[:, 0] - target) ** 2
    assert entry["drop"]["ci_high"] - entry["drop"]["ci_low"] == pytest.approx(
        2 * 1.96 * losses.std() / len(losses) ** 0.5 / target.var(), abs=0.01
    )


@pytest.mark.parametrize("name", list(SCENARIO))
def test_disturbed_rows_keep_their_schema_whatever_the_types(name: str) -> None:
    words = pa.array(["a", "b", None, "a"] * 5)
    rows = pa.table(
        {
            "small": pa.array([1, 2, None, 127] * 5, pa.int8()),
            "large": pa.array([2**64 - 1, 0, 5, 9] * 5, pa.uint64()),
            "single": pa.array([1.5, float("nan"), None, -2.0] * 5, pa.float32()),
            "half": pa.array([1.5, 2.0, None, -2.0] * 5, pa.float16()),
            "flag": pa.array([True, None, False, True] * 5),
            "word": words,
            "long": words.cast(pa.large_string()),
            "coded": words.dictionary_encode(),
            "grade": pa.array([1, 2, 3, None] * 5, pa.int16()),
            "day": pa.array([1, 2, None, 4] * 5, pa.date32()),
            "empty": pa.array([None] * 20, pa.float64()),
        }
    )
    [features] = rows.combine_chunks().to_batches()
    subject = replace(
        asking.subject(lambda frame: np.full((20, 1), 0.5), rows=rows),
        labels=asking.labels()[:20],
        declared={"grade": "category"},
    )
    after = disturbed(name, subject)
    assert after.schema.equals(features.schema)
    after.validate(full=True)
    assert after.num_rows == 20
    assert not after.equals(features)
    if not name.startswith("missing"):
        assert [column.null_count for column in after] >= [0] * after.num_columns
        assert after["empty"].null_count == 20
        assert after["flag"].equals(features["flag"])
        assert after["day"].equals(features["day"])


def test_a_stream_of_batches_carries_an_unseen_category_in_a_dictionary() -> None:
    column = pa.array(["a", "b", None, "a"]).dictionary_encode()
    rows = pa.RecordBatch.from_arrays([column], names=["coded"])
    unseen = with_columns(rows, {"coded": with_unseen(column, np.array([True, False, True, False]))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
        writer.write_batch(unseen)
    first, second = pa.ipc.open_stream(sink.getvalue()).read_all().to_batches()
    assert first["coded"].to_pylist() == ["a", "b", None, "a"]
    assert second["coded"].to_pylist() == ["never seen before", "b", "never seen before", "a"]


def test_columns_are_changed_only_where_asked() -> None:
    whole = pa.array([1, 250, None, 4], pa.uint8())
    every = np.ones(4, dtype=bool)
    assert with_numbers(whole, np.array([-5.0, 1e9, 7.0, 2.4]), every).to_pylist() == [0, 255, None, 2]
    assert with_numbers(whole, np.array([9.0, np.nan, 9.0, 9.0]), every).to_pylist() == [9, 250, None, 9]
    assert with_gaps(whole, np.array([True, False, False, False])).to_pylist() == [None, 250, None, 4]
    taken = pa.array(["never seen before", "x"])
    assert with_unseen(taken, np.array([False, True])).to_pylist()[1] == "never seen before_"
    assert with_unseen(whole, np.array([True, False, False, False])).to_pylist() == [251, 250, None, 4]
    assert pc.max(with_unseen(pa.array([255], pa.uint8()), np.array([True]))).as_py() == 255
