"""Labels that look wrong: rows whose given label the model contradicts with confidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray, plain
from governance.evaluation.measures.proportions import wilson

METHOD = "confident learning, Wilson"
BY_CHANCE = "sum of the scores' own chances of being wrong"
CAVEAT = (
    "A hint, not a verdict: a model that is wrong with confidence looks the same as a wrong label. Look at the rows, "
    "and where more stand out than the scores themselves allow for, at the labels or at the model."
)


def suspected_labels(labels: IntArray, probabilities: FloatArray) -> dict[str, Any]:
    """The share of rows whose label confident learning calls wrong (Northcutt, Jiang & Chuang 2021, "Confident
    Learning: Estimating Uncertainty in Dataset Labels", JAIR 70), with Wilson's interval.

    The threshold of a class is the mean probability that the rows labelled so are given for it. A row is suspected
    when some other class reaches its threshold, and among the classes that do it is the likeliest. `labels` are
    positions of columns. `allowed` is how many rows would be suspected by chance were every label right and every
    probability true: the sum of the chances that these rows are what they are labelled.
    """
    rows, classes = probabilities.shape
    present = np.bincount(labels, minlength=classes) > 0
    thresholds = np.array(
        [probabilities[labels == one, one].mean() if present[one] else np.inf for one in range(classes)]
    )
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    confident = reached.max(axis=1) >= 0
    likeliest = reached.argmax(axis=1)
    suspected = confident & (likeliest != labels)
    allowed = _allowed(probabilities, confident, likeliest)
    by_class = [
        {"label": one, "n": int((labels == one).sum()), "suspected": int((suspected & (labels == one)).sum())}
        for one in range(classes)
        if present[one]
    ]
    result: dict[str, Any] = plain(
        {
            "suspected": {
                **wilson(int(suspected.sum()), rows, empty="There are no rows.").as_dict(),
                "method": METHOD,
            },
            "allowed": Estimate(allowed / rows, None, None, BY_CHANCE, rows).as_dict(),
            "by_class": by_class,
            "caveat": CAVEAT,
        }
    )
    return result


def _allowed(probabilities: FloatArray, confident: Any, likeliest: IntArray) -> float:
    """How many rows would carry another label than the class the model is confident of, if its probabilities are
    true."""
    of_likeliest = probabilities[np.arange(len(probabilities)), likeliest]
    return float(np.sum(1 - of_likeliest[confident]))
