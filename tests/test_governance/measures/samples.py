"""Data for the tests of the measuring engine: real scores, simulated ones, and a reader of results."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

Array = NDArray[Any]


class Scored(NamedTuple):
    """Labels, the scores of two models, and a group for each row."""

    labels: Array
    scores: Array
    champion: Array
    groups: Array


@cache
def breast_cancer() -> Scored:
    """569 real tumours: texture and smoothness scored by regression, and by a tree whose scores tie.

    Both are cross-validated. The groups are halves by symmetry, a column neither model reads.
    """
    data = load_breast_cancer(as_frame=True)
    inputs = data.data[["mean texture", "mean smoothness"]].to_numpy()
    labels = (data.target == 0).to_numpy(np.int64)  # 1 is malignant

    def scored(model: Any) -> Array:
        return np.asarray(cross_val_predict(model, inputs, labels, cv=5, method="predict_proba"))[:, 1]

    symmetry = data.data["mean symmetry"].to_numpy()
    return Scored(
        labels,
        scored(make_pipeline(StandardScaler(), LogisticRegression())),
        scored(DecisionTreeClassifier(max_depth=3, random_state=0)),
        np.where(symmetry > np.median(symmetry), "less symmetric", "more symmetric"),
    )


def binormal(rng: np.random.Generator, n: int, *, prevalence: float, shift: float) -> tuple[Array, Array]:
    """Labels and scores whose true AUC is Φ(shift/√2): normal scores, moved by `shift` for positives."""
    labels = (rng.random(n) < prevalence).astype(np.int64)
    return labels, norm.cdf(rng.normal(size=n) + shift * (labels - 0.5))


def estimates(result: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every estimate and difference anywhere in a result, with its path."""
    if isinstance(result, dict):
        if "value" in result:
            yield path, result
        else:
            for key, item in result.items():
                yield from estimates(item, f"{path}.{key}" if path else key)
    elif isinstance(result, list):
        for at, item in enumerate(result):
            yield from estimates(item, f"{path}[{at}]")
