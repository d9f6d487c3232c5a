"""A model that predicts a number, for tests: real data of the demonstration, real scikit-learn pipelines.

    world = bill_world()                                    # team, people, model, version 1, held-out accounts
    evaluation = make_evidence(world.version, world.data, actor=world.maker)

The target is the bill of September, told from what was known in August; groups are sex, age band and marital
status. As in `evidence_kit`, evidence here is measured by the engine; tests of the job run the sandbox.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from countersign.permissions import Role
from demo.datasets import load_sample
from governance.evaluation.measures import measure_regression
from governance.evaluation.models import Evaluation
from governance.profiles.actions import set_profile
from registry.datasets.descriptors import Descriptor
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.factories.people import actor_for, make_team, make_user
from tests.test_governance import evidence_kit as kit

TARGET = "bill_amount_september"
KNOWN = (
    *("credit_limit", "repayment_status_august", "repayment_status_july"),
    *("bill_amount_august", "bill_amount_july", "bill_amount_june"),
    *("paid_amount_august", "paid_amount_july"),
)
GROUPS = ("sex", "age_band", "marital_status")
TOLERANCE = 10_000
DESCRIPTOR = Descriptor(
    target=TARGET,
    sensitive_attributes=GROUPS,
    row_key="row_key",
    licence="CC-BY-4.0",
    source="Yeh 2009",
)
SIGNATURE: dict[str, Any] = {
    "task": "regression",
    "features": [{"name": name, "type": "int64"} for name in KNOWN],
    "target": TARGET,
    "tolerance": TOLERANCE,
}


@cache
def held() -> pd.DataFrame:
    """The held-out accounts, with what the model knows, the target and the groups."""
    return load_sample("credit_default_holdout")[["row_key", *KNOWN, TARGET, *GROUPS]]


@cache
def held_parquet() -> bytes:
    """The held-out accounts as a file."""
    sink = io.BytesIO()
    held().to_parquet(sink, index=False)
    return sink.getvalue()


@cache
def linear(columns: int = len(KNOWN)) -> Pipeline:
    """A linear regression on the first so many columns, standardised."""
    frame = load_sample("credit_default_train")
    return make_pipeline(StandardScaler(), LinearRegression()).fit(
        frame[list(KNOWN[:columns])], frame[TARGET]
    )


@cache
def classifier() -> Pipeline:
    """A classifier that was trained on the same columns."""
    frame = load_sample("credit_default_train").head(2000)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[list(KNOWN)], frame["default"])


def saved(model: Any, folder: Path) -> Path:
    """The model as a joblib file: skops is shown elsewhere, and takes the scan and each process a second longer."""
    path = folder / "model.joblib"
    joblib.dump(model, path)
    return path


def upload(world: kit.World, artifact: Path, **changes: Any) -> ModelVersion:
    """The artifact as a version of the world's model."""
    return make.make_version(
        world.model,
        actor=world.maker,
        files={artifact.name: artifact.read_bytes()},
        signature=SIGNATURE | changes,
    )


def bill_world(*, tier: str | None = None) -> kit.World:
    """A model that predicts bills, with one version and the held-out accounts."""
    team = make_team("Billing")
    user = make_user("bea", full_name="Bea Maker", roles=[(Role.CONTRIBUTOR, team), (Role.OWNER, team)])
    maker = actor_for(user, via="rest")
    model = make.make_model(team, actor=maker, name="bill-forecast")
    version = make.make_version(model, actor=maker, signature=SIGNATURE)
    data = make.make_dataset_version(
        make.make_dataset(team, actor=maker, name="bills"),
        actor=maker,
        content=held_parquet(),
        descriptor=DESCRIPTOR,
    )
    if tier:
        make_user(full_name="Ada Approver", roles=[(Role.APPROVER, team)])
        set_profile(model=model, risk_tier=tier, purpose="Plans cash.", tier_reason="", actor=maker)
    return kit.World(team, user, maker, model, version, data)


@cache
def measured(
    *, columns: int = len(KNOWN), shift: float = 0.0, tolerance: float | None = TOLERANCE
) -> dict[str, Any]:
    """What the engine measures of the linear model on the held-out accounts; `shift` is added to every
    prediction."""
    frame = held()
    return measure_regression(
        actual=frame[TARGET].to_numpy(),
        predicted=linear(columns).predict(frame[list(KNOWN[:columns])]) + shift,
        tolerance=tolerance,
        groups={name: frame[name].to_numpy().astype(np.str_) for name in GROUPS},
        seed=7,
        draws=200,
    )


def make_evidence(version: ModelVersion, data: DatasetVersion, *, actor: Any, **measuring: Any) -> Evaluation:
    """An evaluation that succeeded, by the product's own actions."""
    return kit.make_evidence(version, data, actor=actor, measures=measured(**measuring))
