"""The second model of the demonstration: it predicts a number, the next bill of a card account.

The files are those of the credit samples, registered once more with another target: what a dataset is for stands in
its description, not in its bytes, which are kept once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import skops.io
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from demo.datasets import CREDIT_FEATURES, CREDIT_LICENCE, CREDIT_SOURCE, columns_of, load_sample

MODEL = "bill-forecast"
PURPOSE = (
    "Predicts the next bill of a card account, so that treasury knows how much cash to hold. "
    "Nobody is judged by it."
)
TARGET = "bill_amount_september"
#: What is known before the bill of September: the account until August.
KNOWN = tuple(name for name in CREDIT_FEATURES if not name.endswith("_september"))
#: Closer than this, in New Taiwan dollars, treasury need not correct by hand.
TOLERANCE = 10_000
ABOUT = "Card accounts of one bank in Taiwan, April to September 2005. The target is the bill of September, in dollars."
COMMIT = "27c4e9b8d1a0f3e65c7b9d8e2f4a6071c3b5d9e8"


def descriptor(sample: str) -> dict[str, Any]:
    """What a sample of accounts is registered with where the bill is the target."""
    return {
        "columns": columns_of(sample),
        "target": TARGET,
        "sensitive_attributes": ["sex", "age_band", "marital_status"],
        "row_key": "row_key",
        "licence": CREDIT_LICENCE,
        "source": CREDIT_SOURCE,
    }


def train() -> Pipeline:
    """A linear regression of the bill on the account until August."""
    frame = load_sample("credit_default_train")
    return make_pipeline(StandardScaler(), LinearRegression()).fit(frame[list(KNOWN)], frame[TARGET])


def save(pipeline: Pipeline, folder: Path) -> Path:
    """The pipeline as a skops file."""
    path = folder / "bill_forecast.skops"
    skops.io.dump(pipeline, path)
    return path


def metadata(training: dict[str, Any], holdout: dict[str, Any], trainer: str) -> dict[str, Any]:
    """What the version is registered with; both data are given as {"dataset", "version"}."""
    types = {column["name"]: column["type"] for column in columns_of("credit_default_train")}
    return {
        "flavour": "skops",
        "description": "Linear regression of the September bill on the account until August.",
        "signature": {
            "task": "regression",
            "features": [{"name": name, "type": types[name]} for name in KNOWN],
            "target": TARGET,
            "tolerance": TOLERANCE,
        },
        "run": {
            "experiment": MODEL,
            "name": "linear",
            "parameters": {"estimator": "LinearRegression", "scaled": "yes"},
            "inputs": [{**training, "context": "training"}],
            "source_repository": "https://git.example/treasury/bills",
            "source_commit": COMMIT,
            "source_clean": True,
        },
        "inputs": [{**training, "context": "training"}, {**holdout, "context": "evaluation"}],
        "trainers": [trainer],
    }
