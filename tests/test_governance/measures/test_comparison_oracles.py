"""Differences to the champion against published values, statsmodels, scikit-learn and plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from governance.evaluation.measures import (
    compare_paired,
    compare_paired_classes,
    compare_paired_ranking,
    compare_paired_regression,
)
from governance.evaluation.measures.comparison import mcnemar
from governance.evaluation.measures.groups_comparison import area_difference
from tests.test_governance.measures.samples import Array, binormal, breast_cancer

#: Albumin, total protein, K-G score and outcome of 43 women with ovarian cancer: the complete rows of DeLong, DeLong &
#: Clarke-Pearson 1988, Biometrics 44, as SAS/STAT 9.22 prints them for PROC LOGISTIC, example 51.8.
OVARIAN = np.array(
    [
        *((3.0, 5.8, 10, 0), (3.2, 6.3, 5, 1), (3.9, 6.8, 3, 1), (2.8, 4.8, 6, 0), (3.2, 5.8, 3, 1)),
        *((0.9, 4.0, 5, 0), (2.5, 5.7, 8, 0), (1.6, 5.6, 5, 1), (3.8, 5.7, 5, 1), (3.7, 6.7, 6, 1)),
        *((3.2, 5.4, 4, 1), (3.8, 6.6, 6, 1), (4.1, 6.6, 5, 1), (3.6, 5.7, 5, 1), (4.3, 7.0, 4, 1)),
        *((3.6, 6.7, 4, 0), (2.3, 4.4, 6, 1), (4.2, 7.6, 4, 0), (4.0, 6.6, 6, 0), (3.5, 5.8, 6, 1)),
        *((3.8, 6.8, 7, 1), (3.0, 4.7, 8, 0), (4.5, 7.4, 5, 1), (3.7, 7.4, 5, 1), (3.1, 6.6, 6, 1)),
        *((4.1, 8.2, 6, 1), (4.3, 7.0, 5, 1), (4.3, 6.5, 4, 1), (3.2, 5.1, 5, 1), (2.6, 4.7, 6, 1)),
        *((3.3, 6.8, 6, 0), (1.7, 4.0, 7, 0), (3.7, 6.1, 5, 1), (3.3, 6.3, 7, 1), (4.2, 7.7, 6, 1)),
        *((3.5, 6.2, 5, 1), (2.9, 5.7, 9, 0), (2.1, 4.8, 7, 1), (2.8, 6.2, 8, 0), (4.0, 7.0, 7, 1)),
        *((3.3, 5.7, 6, 1), (3.7, 6.9, 5, 1), (3.6, 6.6, 5, 1)),
    ]
)


def delong_by_pairs(labels: Array, first: Array, second: Array) -> tuple[float, float]:
    """The difference of two areas and its standard error, by comparing every positive with every negative."""

    def kernel(scores: Array) -> Array:
        positive, negative = scores[labels == 1][:, None], scores[labels == 0][None, :]
        return (positive > negative) + 0.5 * (positive == negative)

    pairs = kernel(first) - kernel(second)
    positives, negatives = pairs.shape
    spread = pairs.mean(axis=1).var(ddof=1) / positives + pairs.mean(axis=0).var(ddof=1) / negatives
    return float(pairs.mean()), float(spread**0.5)


@pytest.mark.parametrize(
    ("column", "published"),
    [(0, (0.0108, -0.1761, 0.1976, 0.9102)), (1, (-0.0780, -0.2830, 0.1271, 0.4561))],
    ids=["albumin", "total protein"],
)
def test_delong_is_that_of_the_paper_and_of_all_pairs(column: int, published: tuple[float, ...]) -> None:
    labels, score = OVARIAN[:, 3].astype(np.int64), 10 - OVARIAN[:, 2]
    found = area_difference(labels, OVARIAN[:, column], score)
    printed = tuple(round(found[key], 4) for key in ("value", "diff_ci_low", "diff_ci_high", "p"))
    assert printed == published
    value, error = delong_by_pairs(labels, OVARIAN[:, column], score)
    assert found["value"] == pytest.approx(value, abs=1e-9)
    assert found["diff_ci_low"] == pytest.approx(value - 1.959963984540054 * error, abs=1e-9)
    assert found["diff_ci_high"] == pytest.approx(value + 1.959963984540054 * error, abs=1e-9)


@pytest.mark.parametrize(("first", "second"), [(121, 59), (5624, 3466), (3, 0), (1, 2), (40, 40)])
def test_mcnemar_is_that_of_statsmodels(first: int, second: int) -> None:
    table = [[10, first], [second, 10]]
    assert mcnemar(first, second) == pytest.approx(
        statsmodels_mcnemar(table, exact=True).pvalue, rel=1e-9, abs=1e-300
    )


def intervals_agree(found: dict[str, Any], drawn: Array, tolerance: float) -> bool:
    """Whether an interval is that of plainly resampled rows, up to the noise of both drawings."""
    low, high = np.quantile(drawn, (0.025, 0.975))
    return bool(abs(found["diff_ci_low"] - low) < tolerance and abs(found["diff_ci_high"] - high) < tolerance)


def three_classes() -> tuple[Array, Array, Array]:
    random = np.random.default_rng(11)
    labels = random.choice(3, 600, p=[0.6, 0.3, 0.1])
    ours, theirs = (np.exp(random.normal(size=(600, 3)) + lift * np.eye(3)[labels]) for lift in (1.6, 1.2))
    return labels, ours / ours.sum(axis=1, keepdims=True), theirs / theirs.sum(axis=1, keepdims=True)


def test_several_classes_against_scikit_learn_statsmodels_and_resampled_rows() -> None:
    labels, ours, theirs = three_classes()
    groups = {"region": np.where(np.arange(600) % 3 == 0, "north", "south")}
    result = compare_paired_classes(
        labels=labels,
        probabilities=ours,
        champion_probabilities=theirs,
        names=["a", "b", "c"],
        seed=1,
        draws=4000,
        groups=groups,
    )
    mine, other = ours.argmax(axis=1), theirs.argmax(axis=1)

    def both(measure: Any, *extra: Any, **more: Any) -> float:
        return measure(labels, mine, *extra, **more) - measure(labels, other, *extra, **more)

    expected = {
        "accuracy": both(sk.accuracy_score),
        "macro_f1": both(sk.f1_score, average="macro"),
        "weighted_f1": both(sk.f1_score, average="weighted"),
        "balanced_accuracy": both(sk.balanced_accuracy_score),
        "cohens_kappa": both(sk.cohen_kappa_score),
        "matthews": both(sk.matthews_corrcoef),
        "log_loss": sk.log_loss(labels, ours) - sk.log_loss(labels, theirs),
        "brier": sk.brier_score_loss(labels, ours) / 2 - sk.brier_score_loss(labels, theirs) / 2,
    }
    assert {name: result["diffs"][name]["value"] for name in expected} == pytest.approx(expected, abs=1e-9)
    right, wrong = mine == labels, other == labels
    table = [[0, (right & ~wrong).sum()], [(wrong & ~right).sum(), 0]]
    assert result["diffs"]["accuracy"]["p"] == pytest.approx(
        statsmodels_mcnemar(table, exact=True).pvalue, rel=1e-9
    )
    assert result["discordant"] == {
        "only_this_right": table[0][1],
        "only_champion_right": table[1][0],
    }
    random = np.random.default_rng(5)
    drawn = []
    for _ in range(1000):
        rows = random.integers(600, size=600)
        drawn.append(
            (
                (right[rows].mean() - wrong[rows].mean()),
                sk.f1_score(labels[rows], mine[rows], average="macro")
                - sk.f1_score(labels[rows], other[rows], average="macro"),
            )
        )
    for at, name in enumerate(("accuracy", "macro_f1")):
        assert intervals_agree(result["diffs"][name], np.array(drawn)[:, at], 0.012), name
    north = next(entry for entry in result["groups"] if entry["group"] == "north")
    inside = groups["region"] == "north"
    assert north["n"] == 200
    assert north["diffs"]["accuracy"]["value"] == pytest.approx(
        right[inside].mean() - wrong[inside].mean(), abs=1e-9
    )
    shuffled = np.random.default_rng(2).permutation(600)
    again = compare_paired_classes(
        labels=labels[shuffled],
        probabilities=ours[shuffled],
        champion_probabilities=theirs[shuffled],
        names=["a", "b", "c"],
        seed=1,
        draws=4000,
        groups={"region": groups["region"][shuffled]},
    )
    assert again == result


def test_a_class_one_model_does_not_know_is_predicted_wrong_by_it() -> None:
    labels, ours, theirs = three_classes()
    theirs = np.column_stack([theirs[:, :2] / theirs[:, :2].sum(axis=1, keepdims=True), np.zeros(600)])
    result = compare_paired_classes(
        labels=labels,
        probabilities=ours,
        champion_probabilities=theirs,
        names=["a", "b", "c"],
        seed=1,
        draws=200,
    )
    other = theirs.argmax(axis=1)
    expected = (ours.argmax(axis=1) == labels).mean() - (other == labels).mean()
    assert result["diffs"]["accuracy"]["value"] == pytest.approx(expected, abs=1e-9)
    assert result["diffs"]["macro_precision"]["undefined"].startswith("Of one of the two")


def test_rankings_against_scikit_learn_and_resampled_queries() -> None:
    random = np.random.default_rng(8)
    queries = np.repeat(np.arange(60), 12)
    relevance = random.integers(0, 4, 720) * (random.random(720) < 0.4)
    ours, theirs = (relevance + random.normal(scale=scale, size=720) for scale in (1.0, 2.0))
    result = compare_paired_ranking(
        relevance=relevance,
        scores=ours,
        champion_scores=theirs,
        queries=queries.astype(str),
        seed=3,
        draws=4000,
    )
    per_query = np.array(
        [
            sk.ndcg_score(relevance[None, rows], ours[None, rows], k=10)
            - sk.ndcg_score(relevance[None, rows], theirs[None, rows], k=10)
            for rows in (np.flatnonzero(queries == query) for query in range(60))
            if relevance[rows].any()
        ]
    )
    found = result["diffs"]["ndcg_at_10"]
    assert found["n"] == result["n"] == len(per_query)
    assert found["value"] == pytest.approx(per_query.mean(), abs=1e-9)
    drawn = per_query[np.random.default_rng(4).integers(len(per_query), size=(4000, len(per_query)))].mean(
        axis=1
    )
    assert intervals_agree(found, drawn, 0.006)
    assert found["diff_ci_low"] > 0
    assert result["discordant"]["only_this_right"] == int((per_query > 1e-12).sum())
    shuffled = random.permutation(720)
    again = compare_paired_ranking(
        relevance=relevance[shuffled],
        scores=ours[shuffled],
        champion_scores=theirs[shuffled],
        queries=queries.astype(str)[shuffled],
        seed=3,
        draws=4000,
    )
    assert again == result
    itself = compare_paired_ranking(
        relevance=relevance, scores=ours, champion_scores=ours, queries=queries.astype(str), seed=3, draws=200
    )
    assert {(one["value"], one["diff_ci_low"], one["p"]) for one in itself["diffs"].values()} == {
        (0.0, 0.0, 1.0)
    }


def test_few_queries_and_none_relevant_have_no_interval() -> None:
    queries = np.repeat([str(n) for n in range(4)], 3)
    relevance = np.tile([2, 1, 0], 4)
    few = compare_paired_ranking(
        relevance=relevance,
        scores=np.tile([3.0, 2, 1], 4),
        champion_scores=np.tile([1.0, 2, 3], 4),
        queries=queries,
        seed=1,
    )["diffs"]["ndcg_at_10"]
    assert few["value"] > 0
    assert (few["diff_ci_low"], few["p"], few["method"]) == (None, None, "no interval, fewer than 10 queries")
    none = compare_paired_ranking(
        relevance=np.zeros(12),
        scores=np.arange(12.0),
        champion_scores=np.arange(12.0),
        queries=queries,
        seed=1,
    )["diffs"]["ndcg_at_10"]
    assert none["value"] is None
    assert none["undefined"].startswith("No query has a relevant row")


def test_groups_are_compared_each_by_itself_and_held_for_their_number() -> None:
    real = breast_cancer()
    groups = {"symmetry": real.groups, "half": np.where(np.arange(569) < 40, "few", "many")}
    result = compare_paired(
        labels=real.labels,
        scores=real.scores,
        champion_scores=real.champion,
        threshold=0.4,
        seed=1,
        draws=200,
        groups=groups,
        favourable_is_positive=False,
    )
    entries = {(one["attribute"], one["group"]): one for one in result["groups"]}
    assert set(entries) == {
        ("half", "few"),
        ("half", "many"),
        ("symmetry", "less symmetric"),
        ("symmetry", "more symmetric"),
    }
    assert entries["half", "few"]["sufficient"] is False
    assert entries["half", "few"]["diffs"] == {}
    for name in ("less symmetric", "more symmetric"):
        inside = real.groups == name
        labels, ours, theirs = real.labels[inside], real.scores[inside], real.champion[inside]
        diffs = entries["symmetry", name]["diffs"]
        value, error = delong_by_pairs(labels, ours, theirs)
        assert diffs["roc_auc"]["value"] == pytest.approx(value, abs=1e-9)
        assert diffs["roc_auc"]["diff_ci_low"] == pytest.approx(value - 1.959963984540054 * error, abs=1e-9)
        expected = sk.recall_score(labels, ours >= 0.4) - sk.recall_score(labels, theirs >= 0.4)
        assert diffs["recall"]["value"] == pytest.approx(expected, abs=1e-9)
        assert diffs["recall"]["n"] == labels.sum()
        selected = (ours < 0.4).mean() - (theirs < 0.4).mean()
        assert diffs["selection_rate"]["value"] == pytest.approx(selected, abs=1e-9)
        mine, other = ours < 0.4, theirs < 0.4
        table = [[0, (mine & ~other).sum()], [(other & ~mine).sum(), 0]]
        assert diffs["selection_rate"]["p"] == pytest.approx(
            statsmodels_mcnemar(table, exact=True).pvalue, rel=1e-9
        )
    tested = [one["diffs"]["roc_auc"] for one in result["groups"] if one["diffs"]]
    assert [one["p_holm"] for one in tested] == pytest.approx(
        multipletests([one["p"] for one in tested], method="holm")[1], rel=1e-9
    )


def test_a_regression_is_compared_in_each_group() -> None:
    random = np.random.default_rng(1)
    actual, group = random.normal(size=400), np.where(random.random(400) < 0.5, "a", "b")
    ours, theirs = actual + random.normal(scale=0.5, size=400), actual + random.normal(scale=0.9, size=400)
    result = compare_paired_regression(
        actual=actual,
        predicted=ours,
        champion_predicted=theirs,
        tolerance=None,
        seed=1,
        draws=200,
        groups={"g": group},
    )
    for entry in result["groups"]:
        inside = group == entry["group"]
        expected = sk.mean_absolute_error(actual[inside], ours[inside]) - sk.mean_absolute_error(
            actual[inside], theirs[inside]
        )
        assert entry["diffs"]["mean_absolute_error"]["value"] == pytest.approx(expected, abs=1e-9)
        assert entry["diffs"]["mean_absolute_error"]["diff_ci_high"] < 0


def test_the_paired_jackknife_of_average_precision_agrees_with_resampled_rows() -> None:
    labels, scores = binormal(np.random.default_rng(2), 400, prevalence=0.3, shift=1.5)
    champion = np.clip(scores + np.random.default_rng(3).normal(scale=0.15, size=400), 0, 1)
    found = compare_paired(
        labels=labels, scores=scores, champion_scores=champion, threshold=0.5, seed=1, draws=1500
    )["diffs"]["average_precision"]
    value = sk.average_precision_score(labels, scores) - sk.average_precision_score(labels, champion)
    assert found["value"] == pytest.approx(value, abs=1e-9)
    random, drawn = np.random.default_rng(6), []
    for _ in range(1000):
        rows = random.integers(400, size=400)
        drawn.append(
            sk.average_precision_score(labels[rows], scores[rows])
            - sk.average_precision_score(labels[rows], champion[rows])
        )
    centred = np.array(drawn) - (np.mean(drawn) - value)
    assert intervals_agree(found, centred, 0.012)


def test_the_mean_area_of_several_classes_is_compared_as_resampled_rows_are() -> None:
    labels, ours, theirs = three_classes()
    found = compare_paired_classes(
        labels=labels, probabilities=ours, champion_probabilities=theirs, names=list("abc"), seed=1, draws=100
    )["diffs"]["macro_roc_auc"]

    def difference(rows: Array) -> float:
        one, other = (
            sk.roc_auc_score(labels[rows], given[rows], multi_class="ovr") for given in (ours, theirs)
        )
        return float(one - other)

    assert found["value"] == pytest.approx(difference(np.arange(600)), abs=1e-9)
    random = np.random.default_rng(6)
    drawn = np.array([difference(random.integers(600, size=600)) for _ in range(300)])
    # 300 draws know an end to a tenth of the width (one standard error about 0.003)
    assert intervals_agree(found, drawn, 0.01)


def test_two_classes_have_the_paired_delong_of_one() -> None:
    labels, scores = binormal(np.random.default_rng(2), 400, prevalence=0.3, shift=1.5)
    champion = np.clip(scores + np.random.default_rng(3).normal(scale=0.15, size=400), 0, 1)
    both, other = (np.column_stack([1 - given, given]) for given in (scores, champion))
    several = compare_paired_classes(
        labels=labels, probabilities=both, champion_probabilities=other, names=["n", "y"], seed=1, draws=100
    )["diffs"]["macro_roc_auc"]
    one = compare_paired(
        labels=labels, scores=scores, champion_scores=champion, threshold=0.5, seed=1, draws=100
    )["diffs"]["roc_auc"]
    assert several["value"] == pytest.approx(one["value"], abs=1e-9)
    # Student's t in place of the normal quantile
    assert several["diff_ci_low"] == pytest.approx(one["diff_ci_low"], abs=5e-4)
    assert several["diff_ci_low"] < one["diff_ci_low"]


def test_a_ranking_is_compared_in_each_group_of_queries() -> None:
    random = np.random.default_rng(4)
    codes = np.repeat(np.arange(260), 8)
    relevance = random.integers(0, 3, size=len(codes))
    scores, champion = (relevance + random.normal(scale=scale, size=len(codes)) for scale in (0.7, 2.0))
    names = np.array([f"q{code:03}" for code in codes])
    half, row = (codes % 2).astype(str), (np.arange(len(codes)) % 3).astype(str)

    def compared(inside: Array, **more: Any) -> dict[str, Any]:
        return compare_paired_ranking(
            relevance=relevance[inside],
            scores=scores[inside],
            champion_scores=champion[inside],
            queries=names[inside],
            seed=1,
            draws=100,
            **more,
        )

    found = compared(np.ones(len(codes), dtype=bool), groups={"half": half, "row": row})["groups"]
    assert [(entry["attribute"], entry["group"], entry["sufficient"]) for entry in found] == [
        ("half", "0", True),
        ("half", "1", True),
    ]
    for entry in found:
        alone = compared(half == entry["group"])
        assert entry["n"] == alone["n"]
        for name, diff in entry["diffs"].items():
            assert diff["value"] == pytest.approx(alone["diffs"][name]["value"], abs=1e-9)
            assert diff["p_holm"] >= diff["p"]
