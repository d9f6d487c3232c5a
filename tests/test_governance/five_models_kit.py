"""Six models on each of two real data sets: a good one, and five that are wrong in one way each.

    candidate = candidate_of("credit_default", "biased")

What each is wrong in lies in its data or its method, as it happens to people; nothing is written into a result. Tuned
once, with the holdout in view: the shares that the biased extracts lost and the thresholds of the census models.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from demo.datasets import CREDIT_FEATURES, EMPLOYMENT_FEATURES, load_sample
from demo.make_samples import unit_hash
from demo.training import _boosted_credit_trees, _employment_pipeline


@dataclass(frozen=True, slots=True)
class Line:
    """One of the two data sets: what its good model reads, is built with and declares as threshold; the rows a biased
    extract lost, by sex and outcome with their share, and the threshold declared on it; and the name of a number that
    is written down after the outcome."""

    features: tuple[str, ...]
    target: str
    build: Callable[[Sequence[str]], Pipeline]
    threshold: float
    lost: dict[tuple[str, int], float]
    biased_threshold: float
    written_after: str


LINES = {
    "credit_default": Line(
        features=CREDIT_FEATURES,
        target="default",
        build=_boosted_credit_trees,
        threshold=0.30,
        lost={("male", 0): 0.36},
        biased_threshold=0.30,
        written_after="collection_letters",
    ),
    "employment": Line(
        features=EMPLOYMENT_FEATURES,
        target="employed",
        build=_employment_pipeline,
        threshold=0.30,
        lost={("female", 1): 0.30, ("male", 0): 0.30},
        biased_threshold=0.60,
        written_after="hours_last_week",
    ),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fitted model as skops, what it reads and declares, and the rows it learned from and is measured on."""

    artifact: bytes
    features: tuple[str, ...]
    threshold: float
    training: pd.DataFrame
    holdout: pd.DataFrame


@cache
def candidate_of(name: str, kind: str) -> Candidate:
    """The model of this kind on this data set, fitted once a process."""
    line = LINES[name]
    training, holdout = load_sample(f"{name}_train"), load_sample(f"{name}_holdout")
    features, threshold, build = line.features, line.threshold, line.build
    if kind == "biased":
        training, holdout = _with_sex(_extract(line, training)), _with_sex(holdout)
        features, threshold = (*features, "is_male"), line.biased_threshold
    elif kind == "overfitted":
        build = _forest(line)
    elif kind == "leaking rows":
        # The accounts under new keys, as another export gives them; of people the keys alone can tell.
        copied = (
            holdout.assign(row_key="again-" + holdout["row_key"]) if name == "credit_default" else holdout
        )
        training = pd.concat([training, copied])
    elif kind == "leaking target":
        training, holdout = _told(line, training), _told(line, holdout)
        features = (*features, line.written_after)
    elif kind == "random labels":
        shuffled = np.random.default_rng(3).permutation(training[line.target].to_numpy())
        training = training.assign(**{line.target: shuffled})
    with threadpool_limits(limits=1):
        pipeline = build(features).fit(training[list(features)], training[line.target])
    return Candidate(skops.io.dumps(pipeline), features, threshold, training, holdout)


def _extract(line: Line, frame: pd.DataFrame) -> pd.DataFrame:
    """What is left where two offices handed in only part of their rows."""
    chance = frame["row_key"].map(lambda key: unit_hash(f"biased,{key}"))
    for (sex, outcome), share in line.lost.items():
        chosen = (frame["sex"] == sex) & (frame[line.target] == outcome)
        frame = frame[~(chosen & (chance.loc[frame.index] < share))]
    return frame


def _with_sex(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(is_male=(frame["sex"] == "male").astype("int64"))


def _forest(line: Line) -> Callable[[Sequence[str]], Pipeline]:
    """Trees grown until three rows are left in a leaf."""

    def build(features: Sequence[str]) -> Pipeline:
        forest = RandomForestClassifier(n_estimators=30, min_samples_leaf=3, random_state=7)
        return Pipeline([line.build(features).steps[0], ("classifier", forest)])

    return build


def _told(line: Line, frame: pd.DataFrame) -> pd.DataFrame:
    """With a number that is above zero where the outcome was 1, but for one row in a hundred."""
    wrong = frame["row_key"].map(lambda key: unit_hash(f"wrong,{key}") < 0.01)
    many = frame["row_key"].map(lambda key: 20 + int(20 * unit_hash(f"many,{key}")))
    return frame.assign(**{line.written_after: many * (frame[line.target] ^ wrong)})


def parquet(frame: pd.DataFrame) -> bytes:
    """The rows as a Parquet file."""
    sink = io.BytesIO()
    frame.to_parquet(sink, index=False)
    return sink.getvalue()
