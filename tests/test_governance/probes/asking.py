"""Real trained models, their rows, and a way to ask them in this process what the second one would be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from governance.evaluation.probes.passes import Answer, Asked, Chain, Found
from governance.evaluation.probes.subject import Subject
from registry.versions.tasks import Task

ROWS = 3000
FEATURES = ("strong", "weak", "nothing", "female")
THRESHOLD = 0.4

Predict = Callable[[pd.DataFrame], Any]


@cache
def table() -> pa.Table:
    """Four numeric features of falling importance, one of them 0 or 1, and a text no model here reads."""
    random = np.random.default_rng(5)
    return pa.table(
        {
            "strong": random.normal(0, 1, ROWS),
            "weak": random.normal(0, 1, ROWS),
            "nothing": random.normal(0, 1, ROWS),
            "female": random.integers(0, 2, ROWS),
            "region": pa.array(random.choice(["north", "south", "west"], ROWS).tolist()),
        }
    )


@cache
def labels() -> Any:
    """0 or 1, by the features."""
    frame = table().to_pandas()
    logit = 2 * frame["strong"] + 0.7 * frame["weak"] + 0.4 * frame["female"] - 0.2
    drawn = np.random.default_rng(6).random(ROWS)
    return (drawn < 1 / (1 + np.exp(-logit))).to_numpy().astype(int)


@cache
def trees() -> Any:
    """A model that takes missing values."""
    model = RandomForestClassifier(10, max_depth=8, random_state=1)
    return model.fit(table().to_pandas()[list(FEATURES)], labels())


@cache
def linear() -> Any:
    """A model that does not."""
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return model.fit(table().to_pandas()[list(FEATURES)], labels())


@cache
def numbers() -> Any:
    """What a regression predicts, and a model of it."""
    frame = table().to_pandas()[list(FEATURES)]
    target = (3 * frame["strong"] + frame["weak"]).to_numpy() + np.random.default_rng(8).normal(0, 1, ROWS)
    return target, RandomForestRegressor(10, random_state=2, max_depth=6).fit(frame, target)


def positive(model: Any, features: Sequence[str] = FEATURES) -> Predict:
    """The probability of 1, as the sandbox keeps it."""
    return lambda frame: model.predict_proba(frame[list(features)])[:, 1:]


def subject(predict: Predict, **changes: Any) -> Subject:
    """The rows of a binary classifier, scored by it."""
    rows = changes.pop("rows", table())
    [features] = rows.combine_chunks().to_batches()
    given = Subject(
        task=Task.BINARY,
        features=features,
        labels=labels(),
        queries=None,
        scores=np.asarray(predict(features.to_pandas())),
        changed=lambda before, after: (before[:, 0] >= THRESHOLD) != (after[:, 0] >= THRESHOLD),
        declared={},
        seed=11,
    )
    return replace(given, **changes)


def ask(asked: Asked, predict: Predict) -> Found:
    """What the probe finds of this model."""
    chain = Chain(asked.passes(), lambda begun: None)
    scores: list[Any] = []
    refusals = {}
    for number, batch in enumerate(chain):
        try:
            scores.append(np.asarray(predict(batch.to_pandas()), dtype=np.float64))
        except ValueError as error:
            refusals[number] = f"The model could not answer; its process said: {str(error)[:80]}"
            scores.append(np.full((batch.num_rows, 1), np.nan))
    answers: dict[str, Answer] = chain.answers(np.concatenate(scores), [0.001] * len(scores), refusals)
    return asked.found(answers)
