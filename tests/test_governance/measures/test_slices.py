"""The search for the worst slices: against scipy and statsmodels, on planted faults and on noise."""

from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import ttest_ind
from sklearn.metrics import accuracy_score, mean_absolute_error, roc_auc_score
from statsmodels.stats.multitest import multipletests

from governance.evaluation.measures.bands import Banded, banded
from governance.evaluation.measures.slices import (
    binary_slices,
    class_slices,
    regression_slices,
    worst_slices,
)
from tests.test_governance.measures.samples import Array, binormal

COLOURS = np.array(["red", "green", "blue", "grey"])


def described(mask: Array) -> dict[str, Any]:
    return {"metrics": {}}


def noise(seed: int, rows: int = 2000, columns: int = 8) -> tuple[list[Banded], Array]:
    """Columns that say nothing of the losses, which are skewed as squared errors are."""
    rng = np.random.default_rng(seed)
    parts = [Banded(f"column {at}", ["a", "b", "c"], rng.integers(3, size=rows)) for at in range(columns)]
    return parts, rng.beta(0.4, 2, size=rows)


def words(entry: dict[str, Any]) -> list[tuple[str, str]]:
    return [(part["column"], part["value"]) for part in entry["where"]]


def scored(seed: int = 1, rows: int = 6000) -> tuple[dict[str, Any], Array, Array]:
    """Rows whose ranking is lost where they are both red and from the north."""
    rng = np.random.default_rng(seed)
    labels, scores = binormal(rng, rows, prevalence=0.4, shift=1.5)
    columns = {
        "colour": COLOURS[rng.integers(4, size=rows)],
        "side": np.array(["north", "south", "west"])[rng.integers(3, size=rows)],
        "age": pa.array(rng.integers(18, 90, size=rows)),
        "income": pa.array(
            [None if at % 11 == 0 else float(value) for at, value in enumerate(rng.normal(size=rows))]
        ),
        "other": COLOURS[rng.integers(4, size=rows)],
    }
    broken = (columns["colour"] == "red") & (columns["side"] == "north")
    scores = np.where(broken, rng.permutation(scores), scores)
    return columns, labels, scores


def test_the_planted_slice_is_found_first() -> None:
    columns, labels, scores = scored()
    result = binary_slices(columns, labels=labels, scores=scores, threshold=0.5)
    first = result["worst"][0]
    assert words(first) == [("colour", "red"), ("side", "north")]
    assert first["significant"]
    assert first["p_holm"] < 1e-6
    inside = (columns["colour"] == "red") & (columns["side"] == "north")
    assert (first["n"], first["positives"]) == (inside.sum(), labels[inside].sum())
    metrics = {name: one["value"] for name, one in first["metrics"].items()}
    own = roc_auc_score(labels[inside], scores[inside])
    assert metrics["roc_auc"] == pytest.approx(own, abs=1e-9)
    assert metrics["roc_auc_shortfall"] == pytest.approx(roc_auc_score(labels, scores) - own, abs=1e-9)
    assert first["metrics"]["roc_auc_shortfall"]["ci_low"] > 0.2
    assert metrics["accuracy"] == pytest.approx(accuracy_score(labels[inside], scores[inside] >= 0.5))
    losses = (scores - labels) ** 2
    assert metrics["brier_difference"] == pytest.approx(losses[inside].mean() - losses[~inside].mean())


def test_the_order_of_rows_and_columns_does_not_matter() -> None:
    columns, labels, scores = scored()
    rows = np.random.default_rng(3).permutation(len(labels))
    moved = {name: pa.array(values).take(pa.array(rows)) for name, values in reversed(columns.items())}
    assert binary_slices(columns, labels=labels, scores=scores, threshold=0.5) == binary_slices(
        moved, labels=labels[rows], scores=scores[rows], threshold=0.5
    )


def test_every_slice_is_tested_and_held_for_their_number() -> None:
    """Means, p-values and Holm's against a loop over all slices with scipy and statsmodels."""
    parts, losses = noise(5)
    p_values, differences = {}, {}
    for columns in [*((part,) for part in parts), *combinations(parts, 2)]:
        for values in np.ndindex(*(len(part.names) for part in columns)):
            inside = np.all(
                [part.codes == value for part, value in zip(columns, values, strict=True)], axis=0
            )
            if inside.sum() >= 200:
                key = tuple(
                    (part.column, part.names[value]) for part, value in zip(columns, values, strict=True)
                )
                p_values[key] = ttest_ind(losses[inside], losses[~inside], equal_var=False).pvalue
                differences[key] = losses[inside].mean() - losses[~inside].mean()
    held = dict(zip(p_values, multipletests(list(p_values.values()), method="holm")[1], strict=True))
    result = worst_slices(parts, losses=losses, loss="loss", describe=described, listed=1000)
    assert result["scanned"] == len(p_values)
    assert len(result["worst"]) > 10
    for entry in result["worst"]:
        key = tuple(words(entry))
        assert entry["p_value"] == pytest.approx(p_values[key], rel=1e-9)
        assert entry["p_holm"] == pytest.approx(held[key], rel=1e-9)
        assert entry["metrics"]["loss_difference"]["value"] == pytest.approx(differences[key], rel=1e-9)


def test_noise_is_rarely_called_significant() -> None:
    """At the promised rate: one search in twenty finds anything where there is nothing."""
    found = 0
    for seed in range(150):
        parts, losses = noise(seed, rows=1500, columns=6)
        worst = worst_slices(parts, losses=losses, loss="loss", describe=described)["worst"]
        found += any(entry["significant"] for entry in worst)
    assert found <= 15  # 7.5 are expected; more than 15 would be by chance once in 200


def test_the_list_is_in_order_of_what_is_sure_and_says_nothing_twice() -> None:
    columns, labels, scores = scored()
    columns["colour again"] = columns["colour"]
    result = binary_slices(columns, labels=labels, scores=scores, threshold=0.5)
    lows = [entry["metrics"]["brier_difference"]["ci_low"] for entry in result["worst"]]
    assert lows == sorted(lows, reverse=True)
    assert all(
        {"colour", "colour again"} != {part["column"] for part in entry["where"]} for entry in result["worst"]
    )
    alone = {
        words(entry)[0]: low
        for entry, low in zip(result["worst"], lows, strict=True)
        if len(entry["where"]) == 1
    }
    for entry, low in zip(result["worst"], lows, strict=True):
        if len(entry["where"]) == 2:
            assert all(low > alone[half] for half in words(entry) if half in alone)


def test_small_slices_and_those_of_one_class_are_not_judged() -> None:
    rng = np.random.default_rng(2)
    labels, scores = binormal(rng, 3000, prevalence=0.4, shift=1.0)
    small = np.repeat(["tiny", "large"], [199, 2801])
    result = binary_slices({"size": small}, labels=labels, scores=scores, threshold=0.5)
    assert [words(entry) for entry in result["worst"]] in ([], [[("size", "large")]])
    assert result["scanned"] == 1
    one_class = np.where(labels == 1, "positive", "negative")
    nothing = binary_slices({"answer": one_class}, labels=labels, scores=scores, threshold=0.5)
    assert (nothing["scanned"], nothing["worst"]) == (0, [])


def test_numbers_fall_into_bands_that_say_their_edges() -> None:
    ages = banded("age", pa.array([*range(18, 68), None]))
    assert ages is not None
    assert ages.names == ["up to 27", "28 to 37", "38 to 47", "48 to 57", "58 and more", "missing"]
    assert [int(count) for count in np.bincount(ages.codes)] == [10, 10, 10, 10, 10, 1]
    limits = banded("limit", pa.array([10_000, 20_000, 50_000, 120_000] * 5 + [500_000, 240_000]))
    assert limits is not None
    assert limits.names[0] == "up to 10,000"
    assert limits.names[-1] == "240,000 and more"
    few = banded("code", pa.array([2.0, 1.0, float("nan"), 2.0]))
    assert few is not None
    assert (few.names, few.codes.tolist()) == (["1", "2", "missing"], [1, 0, 2, 1])
    real = banded("share", pa.array(np.linspace(0, 1, 101)))
    assert real is not None
    assert real.names[:2] == ["up to 0.2", "from 0.21 to 0.4"]


def test_words_beyond_thirty_share_a_band() -> None:
    values = [f"word {at:02}" for at in range(40) for _ in range(40 - at)]
    found = banded("word", pa.array(values))
    assert found is not None
    assert (len(found.names), found.names[0], found.names[-1]) == (31, "word 00", "all other values")
    assert (found.codes == 30).sum() == sum(range(1, 11))
    assert banded("list", pa.array([[1], [2]])) is None


def test_a_regression_is_searched_by_its_absolute_error() -> None:
    rng = np.random.default_rng(4)
    actual = rng.normal(100, 10, size=4000)
    region = COLOURS[rng.integers(4, size=4000)]
    predicted = actual + rng.normal(0, np.where(region == "blue", 6, 3))
    result = regression_slices({"region": region}, actual=actual, predicted=predicted)
    first = result["worst"][0]
    assert words(first) == [("region", "blue")]
    blue = region == "blue"
    assert first["metrics"]["mean_absolute_error"]["value"] == pytest.approx(
        mean_absolute_error(actual[blue], predicted[blue])
    )
    assert "positives" not in first


def test_several_classes_are_searched_by_what_is_wrong() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(3, size=4000)
    region = COLOURS[rng.integers(4, size=4000)]
    wrong = rng.random(4000) < np.where(region == "grey", 0.5, 0.2)
    predicted = np.where(wrong, (labels + 1) % 3, labels)
    first = class_slices({"region": region}, labels=labels, predicted=predicted)["worst"][0]
    assert words(first) == [("region", "grey")]
    grey = region == "grey"
    assert first["metrics"]["accuracy"]["value"] == pytest.approx(
        accuracy_score(labels[grey], predicted[grey])
    )
    assert first["metrics"]["error_rate_difference"]["value"] == pytest.approx(
        wrong[grey].mean() - wrong[~grey].mean()
    )
