"""Intervals hold the truth as often as they say, and agree with slower ways to find them."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm, t
from sklearn.metrics import average_precision_score, roc_auc_score

from governance.evaluation.measures import calibration, comparison, groups, ranking, table
from governance.evaluation.measures.average_precision import average_precision
from governance.evaluation.measures.errors import mean_of_losses
from governance.evaluation.measures.estimate import Estimate
from governance.evaluation.measures.separation import kolmogorov_smirnov
from tests.test_governance.measures.samples import binormal, breast_cancer

SETS = 300

# A true 95 % interval is held by 91.2 to 98.8 % of 300 sets: three standard errors either way.
LEAST, MOST = 0.912, 0.988


def coverage(truth: float, estimate: Callable[[np.random.Generator], Estimate]) -> float:
    """The share of simulated sets whose interval holds the truth."""
    rng = np.random.default_rng(20260101)
    held = 0
    for _ in range(SETS):
        made = estimate(rng)
        assert made.ci_low is not None
        assert made.ci_high is not None
        held += made.ci_low <= truth <= made.ci_high
    return held / SETS


@pytest.mark.parametrize(
    ("n", "prevalence", "shift"), [(300, 0.3, 1.0), (100, 0.5, 2.0), (1000, 0.05, 0.5), (60, 0.5, 3.0)]
)
def test_roc_auc(n: int, prevalence: float, shift: float) -> None:
    truth = float(norm.cdf(shift / 2**0.5))
    held = coverage(truth, lambda rng: ranking.roc_auc(*binormal(rng, n, prevalence=prevalence, shift=shift)))
    assert LEAST <= held <= MOST


def test_average_precision() -> None:
    labels, scores = binormal(np.random.default_rng(1), 400_000, prevalence=0.2, shift=1.0)
    truth = float(average_precision_score(labels, scores))
    held = coverage(truth, lambda rng: average_precision(*binormal(rng, 400, prevalence=0.2, shift=1.0)))
    assert LEAST <= held <= MOST


def test_the_spread_of_average_precision_is_the_jackknifes() -> None:
    """Each row left out in turn and measured anew, on scores with ties."""
    labels, scores = binormal(np.random.default_rng(2), 90, prevalence=0.3, shift=1.0)
    scores = scores.round(1)
    found = average_precision(labels, scores)
    rows = np.arange(90)
    left = logit([average_precision_score(labels[rows != row], scores[rows != row]) for row in rows])
    moved = (left - left.mean()) ** 2 * 89 / 90
    first, second, positives = moved[labels == 1].sum(), moved[labels == 0].sum(), labels.sum()
    freedom = (first + second) ** 2 / (first**2 / (positives - 1) + second**2 / (89 - positives))
    half = t.ppf(0.975, freedom) * (first + second) ** 0.5
    ends = expit(logit(average_precision_score(labels, scores)) + np.array([-half, half]))
    assert [found.ci_low, found.ci_high] == pytest.approx(ends, abs=1e-9)
    assert found.method == "jackknife, logit scale, Student's t, few rows"


def test_kolmogorov_smirnov() -> None:
    truth = float(2 * norm.cdf(0.5) - 1)
    held = coverage(
        truth, lambda rng: kolmogorov_smirnov(*binormal(rng, 500, prevalence=0.3, shift=1.0), rng)
    )
    assert LEAST <= held <= MOST


CELLS = np.array([0.20, 0.08, 0.06, 0.66])


@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "matthews"])
@pytest.mark.parametrize("n", [60, 500])
def test_measures_of_a_confusion_table(name: str, n: int) -> None:
    truth = float(table.MEASURES[name].of(CELLS))
    held = coverage(truth, lambda rng: table.composites(rng.multinomial(n, CELLS), rng, 500)[name])
    assert LEAST <= held <= MOST


def simulated_group(rng: np.random.Generator, name: str, n: int, cells: list[float]) -> groups.Group:
    counts = rng.multinomial(n, cells)
    drawn = table.draw_tables(counts, rng, 400)
    unread = Estimate(0.5, 0.4, 0.6, "", n)
    return groups.Group(name, counts, drawn, unread, unread, unread, unread)


@pytest.mark.parametrize("small", [[0.20, 0.08, 0.06, 0.66], [0.26, 0.02, 0.14, 0.58]])
def test_a_group_against_the_reference(small: list[float]) -> None:
    """Rates of two groups of 200 and 800 rows, alike or not."""
    large = [0.25, 0.15, 0.05, 0.55]

    def both(rng: np.random.Generator) -> dict[str, Estimate]:
        pair = [simulated_group(rng, "a", 200, small), simulated_group(rng, "b", 800, large)]
        rate = partial(table.selection_rate, favourable_is_positive=True)
        return groups.compare(pair[0], pair[1], rate)

    recalls = [cells[0] / (cells[0] + cells[2]) for cells in (small, large)]
    falls = [cells[1] / (cells[1] + cells[3]) for cells in (small, large)]
    truths = {
        "selection_rate_ratio": (small[0] + small[1]) / (large[0] + large[1]),
        "true_positive_rate_difference": recalls[0] - recalls[1],
        "false_positive_rate_difference": falls[0] - falls[1],
    }
    for name, truth in truths.items():
        held = coverage(truth, lambda rng, name=name: both(rng)[name])  # type: ignore[misc]
        assert LEAST <= held <= MOST, name
    odds = max(abs(recalls[0] - recalls[1]), abs(falls[0] - falls[1]))
    assert coverage(odds, lambda rng: both(rng)["equalised_odds_difference"]) >= 0.94


@pytest.mark.parametrize("spread", [0.0, 0.15])
def test_the_gap_over_many_groups(spread: float) -> None:
    """Five groups, alike or not: alike, the interval must reach 0, which percentiles never do."""
    recalls = 0.6 + spread * np.linspace(0, 1, 5)

    def gap(rng: np.random.Generator) -> Estimate:
        members = [
            simulated_group(rng, str(at), 300, [0.3 * recall, 0.1, 0.3 * (1 - recall), 0.6])
            for at, recall in enumerate(recalls)
        ]
        return groups.spread(["recall"], members)

    assert coverage(spread, gap) >= 0.94


@pytest.mark.parametrize(("shift", "slope"), [(0.0, 1.0), (0.4, 1.0), (0.0, 0.6)])
def test_calibration(shift: float, slope: float) -> None:
    def sample(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        odds = 1.5 * rng.normal(size=n) - 1
        return (rng.random(n) < expit(shift + slope * odds)).astype(np.int64), expit(odds)

    bins = np.array_split(np.sort(1.5 * np.random.default_rng(1).normal(size=600_000) - 1), 15)
    error = float(np.mean([abs(np.mean(expit(shift + slope * odds) - expit(odds))) for odds in bins]))
    held = coverage(error, lambda rng: calibration.calibration_error(*sample(rng, 2000), rng, 300))
    assert held >= 0.94  # on the safe side by design: chance lifts the error
    assert LEAST <= coverage(slope, lambda rng: calibration.recalibration(*sample(rng, 500))[0]) <= MOST
    if slope == 1:
        assert LEAST <= coverage(shift, lambda rng: calibration.recalibration(*sample(rng, 500))[1]) <= MOST


def test_mean_losses() -> None:
    """Calibrated scores drawn evenly from 0 to 1 have a Brier score of 1/6."""

    def brier(rng: np.random.Generator) -> Estimate:
        scores = rng.random(300)
        labels = (rng.random(300) < scores).astype(np.int64)
        return mean_of_losses(calibration.brier_losses(labels, scores), highest=1.0)

    assert LEAST <= coverage(1 / 6, brier) <= MOST


def test_the_paired_auc_difference() -> None:
    """Two scores that share noise; the second sees the label through more of it."""

    def pair(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        labels = (rng.random(n) < 0.3).astype(np.int64)
        shared = rng.normal(size=n) + labels
        return labels, expit(shared), expit(shared + 0.7 * rng.normal(size=n))

    labels, ours, theirs = pair(np.random.default_rng(1), 500_000)
    truth = float(roc_auc_score(labels, ours) - roc_auc_score(labels, theirs))

    def difference(rng: np.random.Generator) -> Estimate:
        value, low, high, _ = ranking.auc_difference(*pair(rng, 300))
        return Estimate(value, low, high, "", 300)

    assert LEAST <= coverage(truth, difference) <= MOST


def test_delong_is_the_mean_over_all_pairs() -> None:
    """The mid-rank form equals the definition, pair by pair, on scores with ties."""
    real = breast_cancer()
    scores = real.scores.round(2)
    positive, negative = scores[real.labels == 1], scores[real.labels == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    of_positives, of_negatives = ranking.placements(real.labels, scores)
    np.testing.assert_allclose(of_positives, wins.mean(axis=1))
    np.testing.assert_allclose(of_negatives, wins.mean(axis=0))
    expected = np.var(wins.mean(axis=1), ddof=1) / 212 + np.var(wins.mean(axis=0), ddof=1) / 357
    assert ranking.variance(of_positives, of_negatives) == pytest.approx(expected)


def test_delong_agrees_with_the_bootstrap() -> None:
    """Single and paired, on real data: ends within a tenth of the interval's width."""
    real = breast_cancer()
    rng = np.random.default_rng(3)
    singles, pairs = [], []
    for _ in range(1000):
        rows = rng.integers(569, size=569)
        ours = ranking.placements(real.labels[rows], real.scores[rows])[0].mean()
        theirs = ranking.placements(real.labels[rows], real.champion[rows])[0].mean()
        singles.append(ours)
        pairs.append(ours - theirs)
    area = ranking.roc_auc(real.labels, real.scores)
    assert area.ci_low is not None
    assert area.ci_high is not None
    ends = np.quantile(singles, [0.025, 0.975])
    np.testing.assert_allclose([area.ci_low, area.ci_high], ends, atol=0.1 * (ends[1] - ends[0]))
    _, low, high, p = ranking.auc_difference(real.labels, real.scores, real.champion)
    assert low is not None
    assert high is not None
    ends = np.quantile(pairs, [0.025, 0.975])
    np.testing.assert_allclose([low, high], ends, atol=0.1 * (ends[1] - ends[0]))
    assert p is not None
    assert (p < 0.05) == (low > 0 or high < 0)


def test_drawn_tables_agree_with_resampled_ones_where_no_cell_is_small() -> None:
    counts = np.array([400, 160, 120, 1320])
    rng = np.random.default_rng(5)
    resampled = table.f1(rng.multinomial(2000, counts / 2000, size=20_000).astype(np.float64))
    drawn = table.f1(table.draw_tables(counts, rng, 20_000))
    np.testing.assert_allclose(
        np.quantile(drawn, [0.025, 0.975]), np.quantile(resampled, [0.025, 0.975]), atol=1.5e-3
    )


def test_paired_measures_of_a_table_use_the_pairing() -> None:
    """Models that agree on nearly all rows are told apart by far less than their own intervals."""
    cells = np.array([[[1300, 10], [5, 100]], [[80, 4], [40, 461]]])
    diffs = comparison.table_measures(cells, np.random.default_rng(1), 2000)
    own = table.composites(np.array([501, 105, 84, 1310]), np.random.default_rng(1), 2000)["f1"]
    assert own.ci_low is not None
    assert own.ci_high is not None
    paired = diffs["f1"]["diff_ci_high"] - diffs["f1"]["diff_ci_low"]
    assert paired < 0.7 * (own.ci_high - own.ci_low)
