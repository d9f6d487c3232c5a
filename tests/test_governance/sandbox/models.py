"""Real trained models and their data; the pickles that run a program of their own come from `programs`."""

import pickle
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy
import pyarrow
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from governance.evaluation.sandbox import Flavour

from .programs import HONEST, Call, outcomes, predicting, program, sandboxed

__all__ = [
    "BATCH",
    "HONEST",
    "ROWS",
    "Call",
    "batches",
    "here",
    "labels",
    "linear",
    "outcomes",
    "pipeline",
    "predicting",
    "program",
    "sandboxed",
    "save",
    "table",
]

ESTIMATORS = (Flavour.SKOPS, Flavour.JOBLIB, Flavour.PICKLE)
ROWS = 500
BATCH = 200


@cache
def table() -> pyarrow.Table:
    """Four columns, one of them text and one with gaps, as a dataset's Parquet file would give them."""
    random = numpy.random.default_rng(7)
    age = random.integers(18, 90, ROWS)
    income = random.normal(3000, 800, ROWS)
    return pyarrow.table(
        {
            "age": pyarrow.array(age),
            "income": pyarrow.array(
                [None if place % 17 == 0 else value for place, value in enumerate(income)]
            ),
            "region": pyarrow.array(random.choice(["north", "south", "west"], ROWS).tolist()),
            "years": pyarrow.array(random.normal(5, 2, ROWS)),
        }
    )


def batches(source: pyarrow.Table | None = None) -> list[pyarrow.RecordBatch]:
    """The table in batches of BATCH rows."""
    return list((table() if source is None else source).to_batches(BATCH))


@cache
def labels() -> numpy.ndarray:
    """A target the columns have something to do with."""
    score = table()["years"].to_numpy() + (table()["age"].to_numpy() > 50)
    return numpy.asarray(score > 5.5, dtype=int)


@cache
def pipeline() -> Any:
    """A model that names its columns, as most tabular models do."""
    columns = ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income", "years"]),
            ("text", OneHotEncoder(handle_unknown="ignore"), ["region"]),
        ]
    )
    forest = RandomForestClassifier(12, random_state=3, n_jobs=2)
    return make_pipeline(columns, forest).fit(table().to_pandas(), labels())


@cache
def linear() -> Any:
    """A model over two numeric columns."""
    return LogisticRegression().fit(table().select(["age", "years"]).to_pandas(), labels())


def here(model: Any) -> numpy.ndarray:
    """The model's probabilities computed in this process, batch by batch."""
    with joblib.parallel_config(backend="sequential"):
        return numpy.concatenate([model.predict_proba(batch.to_pandas()) for batch in batches()])


def save(model: Any, flavour: Flavour, folder: Path) -> Path:
    """Write the model as its flavour; gives the file."""
    path = folder / f"model.{flavour.value}"
    if flavour is Flavour.SKOPS:
        skops.io.dump(model, path)
    elif flavour is Flavour.JOBLIB:
        joblib.dump(model, path)
    else:
        path.write_bytes(pickle.dumps(model))
    return path
