"""The standard binary suite with 1,000 resamples on 100,000 rows, against the loop everybody writes and fairlearn's own
bootstrap; and the same suite on ten million rows."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import fairlearn.metrics as fairlearn
import numpy as np
import sklearn.metrics as sk
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.instance import ROOT
from benchmarks.report import Line
from governance.evaluation.measures import measure_binary

ROWS, MANY = 100_000, 10_000_000
RESAMPLES = 1000
#: A loop of a thousand takes minutes and as many resamples of fairlearn hours: so many are timed, and counted up.
TIMED, TIMED_FAIRLEARN = 20, 2
MOST_SECONDS, MOST_BYTES = 60, 512 * 2**20

Columns = tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.str_]]


def measure(url: str) -> list[Line]:
    """Processor seconds, which other work on the machine leaves alone, and peak memory."""
    labels, scores, groups = columns(ROWS)
    ours = _seconds(lambda: _suite(labels, scores, {}))
    loop = _seconds(lambda: _loop(labels, scores)) / TIMED * RESAMPLES
    with_groups = _seconds(lambda: _suite(labels, scores, {"sex": groups}))
    theirs = _seconds(lambda: _fairlearn(labels, scores, groups)) / TIMED_FAIRLEARN * RESAMPLES
    return [
        Line(
            f"binary suite, {ROWS:,} rows, {RESAMPLES:,} resamples",
            f"{ours:.1f} s",
            f"scikit-learn in a loop: {loop:.0f} s (from {TIMED} resamples); limit: a fifth",
            ours / loop,
        ),
        Line(
            f"the same with two groups and fairness, {RESAMPLES:,} resamples",
            f"{with_groups:.1f} s",
            f"fairlearn's bootstrap: {theirs:.0f} s (from {TIMED_FAIRLEARN} resamples); limit: a hundredth",
            with_groups / theirs,
        ),
        *_many(),
    ]


def columns(rows: int) -> Columns:
    """Labels, scores and a group for each row."""
    rng = np.random.default_rng(1)
    labels = (rng.random(rows) < 0.2).astype(np.int8)
    return labels, expit(rng.normal(size=rows) + labels - 1.5), rng.choice(["women", "men"], rows)


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _suite(
    labels: NDArray[np.int8], scores: NDArray[np.float64], groups: dict[str, NDArray[np.str_]]
) -> object:
    return measure_binary(
        labels=labels,
        scores=scores,
        threshold=0.3,
        favourable_is_positive=True,
        groups=groups,
        seed=1,
        draws=RESAMPLES,
    )


def _loop(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> None:
    """What a suite's measures cost where each resample is measured anew."""
    rng = np.random.default_rng(1)
    for _ in range(TIMED):
        drawn = rng.integers(len(labels), size=len(labels))
        truth, given = labels[drawn], scores[drawn]
        chosen = given >= 0.3
        for of_scores in (sk.roc_auc_score, sk.average_precision_score, sk.brier_score_loss, sk.log_loss):
            of_scores(truth, given)
        for of_choices in (
            sk.accuracy_score,
            sk.precision_score,
            sk.recall_score,
            sk.f1_score,
            sk.balanced_accuracy_score,
            sk.matthews_corrcoef,
        ):
            of_choices(truth, chosen)


def _fairlearn(labels: NDArray[np.int8], scores: NDArray[np.float64], groups: NDArray[np.str_]) -> None:
    """fairlearn's table of the measures by group, with its bootstrap."""
    fairlearn.MetricFrame(
        metrics={
            "selection_rate": fairlearn.selection_rate,
            "recall": fairlearn.true_positive_rate,
            "false_positive_rate": fairlearn.false_positive_rate,
            "precision": sk.precision_score,
            "accuracy": sk.accuracy_score,
        },
        y_true=labels,
        y_pred=(scores >= 0.3).astype(np.int8),
        sensitive_features=groups,
        n_boot=TIMED_FAIRLEARN,
        ci_quantiles=[0.025, 0.975],
        random_state=1,
    )


def _many() -> list[Line]:
    """Ten million rows, in a process of their own, whose memory is nobody else's."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.measures"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, more = (float(number) for number in ran.stdout.split())
    return [
        Line(
            f"binary suite, {MANY:,} rows, 2,000 resamples",
            f"{seconds:.0f} s",
            f"limit: {MOST_SECONDS} s",
            seconds / MOST_SECONDS,
        ),
        Line(
            "its memory beside labels and scores",
            f"{more / 2**20:.0f} MB",
            f"limit: {MOST_BYTES / 2**20:.0f} MB",
            more / MOST_BYTES,
        ),
    ]


def _measured_alone() -> None:
    """Print the processor seconds and the bytes that measuring took beyond what was there before."""
    import resource

    rng = np.random.default_rng(1)
    labels = (rng.random(MANY, dtype=np.float32) < 0.2).astype(np.int8)
    scores = rng.random(MANY)
    scores += 0.1 * labels
    scores /= 1.1
    measure_binary(
        labels=labels[:2000],
        scores=scores[:2000],
        threshold=0.3,
        favourable_is_positive=True,
        groups={},
        seed=1,
        draws=100,
    )  # libraries are loaded and count as there
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = _seconds(
        lambda: measure_binary(
            labels=labels, scores=scores, threshold=0.3, favourable_is_positive=True, groups={}, seed=1
        )
    )
    print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


if __name__ == "__main__":
    _measured_alone()
