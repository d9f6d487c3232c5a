"""The flip test and permutation importance, against the same made with pandas and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression

from governance.evaluation.probes.flip import NO_DECISION, Flip
from governance.evaluation.probes.importance import Importance
from registry.versions.tasks import Task

from . import asking


def test_the_flip_rate_is_the_share_of_decisions_that_change() -> None:
    predict = asking.positive(asking.trees())
    found = asking.ask(Flip(asking.subject(predict), ["female"]), predict)
    frame = asking.table().to_pandas()
    before, after = predict(frame)[:, 0], predict(frame.assign(female=1 - frame["female"]))[:, 0]
    switched = (before >= asking.THRESHOLD) != (after >= asking.THRESHOLD)
    assert 0 < switched.mean() < 1
    [entry] = found.results["flip"]
    assert entry["rate"]["value"] == pytest.approx(switched.mean(), abs=1e-9)
    ends = binomtest(int(switched.sum()), asking.ROWS).proportion_ci(method="wilson")
    assert (entry["rate"]["ci_low"], entry["rate"]["ci_high"]) == pytest.approx(
        (ends.low, ends.high), abs=1e-9
    )
    assert found.results["flip_rate"] == entry["rate"]
    assert entry["mean_distance"]["value"] == pytest.approx(np.abs(after - before).mean(), abs=1e-9)
    to_female = frame["female"].to_numpy() == 0
    [direction] = [one for one in entry["directions"] if one["to"] == "1"]
    assert direction["rows"] == to_female.sum()
    assert direction["mean_change"]["value"] == pytest.approx((after - before)[to_female].mean(), abs=1e-9)
    assert direction["rate"]["value"] == pytest.approx(switched[to_female].mean(), abs=1e-9)


def test_of_several_values_every_other_one_is_tried() -> None:
    share = {"north": 0.2, "south": 0.5, "west": 0.3}
    predict = lambda frame: frame["region"].map(share).to_numpy()[:, None]  # noqa: E731
    found = asking.ask(Flip(asking.subject(predict), ["region"]), predict)
    [entry] = found.results["flip"]
    # any row can be moved over the threshold of 0.4, some of them back
    assert entry["rate"]["value"] == 1
    assert {one["to"] for one in entry["directions"]} == set(share)


def test_many_values_are_tried_on_fewer_rows_so_that_the_cost_is_bounded() -> None:
    random = np.random.default_rng(4)
    rows = pa.table({"age": random.integers(20, 70, asking.ROWS)})
    predict = lambda frame: (frame[["age"]] / 100).to_numpy()  # noqa: E731
    flip = Flip(asking.subject(predict, rows=rows), ["age"])
    assert sum(one.rows for one in flip.passes()) <= 2.3 * asking.ROWS
    [entry] = asking.ask(flip, predict).results["flip"]
    assert len(entry["directions"]) == 10
    assert entry["rate"]["n"] == entry["rows"] < asking.ROWS


def test_an_attribute_a_model_ignores_or_does_not_get_changes_nothing() -> None:
    rows = asking.table().to_pandas()
    blind = LogisticRegression().fit(rows[["strong", "weak"]], asking.labels())
    predict = asking.positive(blind, ["strong", "weak"])
    found = asking.ask(Flip(asking.subject(predict), ["female"]), predict)
    assert found.results["flip_rate"]["value"] == 0
    assert found.results["flip_rate"]["ci_high"] > 0  # of a sample: not certain
    outside = Flip(asking.subject(predict, rows=asking.table().select(["strong", "weak"])), ["female"])
    assert outside.passes() == []
    told = outside.found({}).results
    assert told["flip"] == [
        {
            "attribute": "female",
            "feature": False,
            "sentence": "Not among the features, so no answer can change with it alone.",
        }
    ]
    assert told["flip_rate"]["value"] == told["flip_rate"]["ci_high"] == 0
    assert told["flip_rate"]["method"].startswith("by definition")


def test_a_number_without_a_tolerance_decides_nothing_and_a_constant_cannot_be_flipped() -> None:
    target, forest = asking.numbers()
    predict = lambda frame: forest.predict(frame[list(asking.FEATURES)])[:, None]  # noqa: E731
    rows = asking.table().append_column("same", pa.array(["x"] * asking.ROWS))
    subject = asking.subject(predict, rows=rows, task=Task.REGRESSION, labels=target, changed=None)
    found = asking.ask(Flip(subject, ["female", "same"]), predict)
    assert found.results["flip_rate"]["value"] is None
    assert found.results["flip_rate"]["undefined"] == NO_DECISION
    [entry] = found.results["flip"]
    assert entry["mean_distance"]["value"] >= 0
    assert {one["what"] for one in found.not_measured} == {"Flip test: same", "Flip test: female"}


def test_a_model_that_does_not_answer_a_flipped_row_has_no_rate() -> None:
    def only_north(frame: Any) -> Any:
        if set(frame["region"]) - {"north", "south"}:
            raise ValueError("Found unknown categories at 0x7f3a")
        return np.full((len(frame), 1), 0.3)

    subject = asking.subject(lambda frame: np.full((len(frame), 1), 0.3))
    found = asking.ask(Flip(subject, ["region"]), only_north)
    assert found.results["flip_rate"]["value"] is None
    assert "Found unknown categories at 0x…" in found.results["flip"][0]["failed"]


def test_features_are_in_the_order_scikit_learn_finds() -> None:
    model = asking.linear()
    predict = asking.positive(model)
    rows = asking.table().select(list(asking.FEATURES))
    found = asking.ask(Importance(asking.subject(predict, rows=rows)), predict)
    theirs = permutation_importance(
        model, rows.to_pandas(), asking.labels(), scoring="roc_auc", n_repeats=5, random_state=3
    )
    expected = dict(zip(asking.FEATURES, theirs.importances_mean, strict=True))
    importance = found.results["importance"]
    assert [entry["feature"] for entry in importance] == sorted(expected, key=lambda name: -expected[name])
    for entry in importance:
        assert entry["drop"]["value"] == pytest.approx(expected[entry["feature"]], abs=0.02)
        assert entry["drop"]["ci_low"] < entry["drop"]["value"] < entry["drop"]["ci_high"]
        assert entry["drop"]["method"] == "paired DeLong over 5 shuffles"
        assert entry["drop"]["n"] == asking.ROWS
    assert importance[0]["drop"]["ci_low"] > 0


def test_importance_is_bounded_and_says_what_it_left(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = pa.table({f"f{number}": asking.table()["strong"] for number in range(60)})
    predict = lambda frame: 1 / (1 + np.exp(-frame[["f0"]].to_numpy()))  # noqa: E731
    monkeypatch.setattr("governance.evaluation.probes.importance.MOST_ROWS", 50_000)
    importance = Importance(asking.subject(predict, rows=wide))
    assert sum(one.rows for one in importance.passes()) == 50_000
    found = asking.ask(importance, predict)
    assert len(found.results["importance"]) == 50
    assert found.results["importance"][0]["feature"] == "f0"
    assert {entry["drop"]["n"] for entry in found.results["importance"]} == {200}
    assert found.not_measured[0]["what"] == "Importance of 10 more features"
