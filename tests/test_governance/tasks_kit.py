"""Models of several classes and rankings, for tests: handwritten digits, real scikit-learn models.

The images stand in sheets of twelve. A classifier reads the digit; a ranking finds the threes of a sheet, an eight
being half right. A sheet belongs to one desk, and ink is what no model is told.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from countersign.permissions import Role
from registry.datasets.descriptors import Descriptor
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.factories.people import actor_for, make_team, make_user
from tests.test_governance import evidence_kit as kit

PIXELS = tuple(f"pixel_{place}" for place in range(0, 64, 2))
FEATURES = [{"name": name, "type": "double"} for name in PIXELS]
SHEET = 12
CLASSES = Descriptor(target="digit", sensitive_attributes=("ink",), row_key="row_key")
RELEVANCE = Descriptor(
    target="relevance", sensitive_attributes=("desk", "ink"), row_key="row_key", query_column="sheet"
)


@cache
def images() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The images to learn from and those to measure on."""
    pixels, digits = load_digits(return_X_y=True)
    frame = pd.DataFrame(pixels[:, ::2], columns=list(PIXELS))
    frame["digit"] = [f"no. {digit}" for digit in digits]
    frame["relevance"] = np.select([digits == 3, digits == 8], [2, 1], 0)
    frame["sheet"] = np.arange(len(frame)) // SHEET
    frame["desk"] = np.where(frame["sheet"] % 2, "left", "right")
    frame["ink"] = np.where(pixels.sum(axis=1) > np.median(pixels.sum(axis=1)), "thick", "thin")
    frame["row_key"] = [f"image-{row}" for row in range(len(frame))]
    half = 50 * SHEET
    return frame.head(half), frame.iloc[half:]


@cache
def reader(classes: int = 10) -> Pipeline:
    """A classifier of the first so many digits."""
    frame = images()[0]
    frame = frame[frame["digit"].isin([f"no. {digit}" for digit in range(classes)])]
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[list(PIXELS)], frame["digit"])


@cache
def finder() -> Pipeline:
    """A ranking of the images by how much they look like a three."""
    frame = images()[0]
    return make_pipeline(StandardScaler(), Ridge(10)).fit(frame[list(PIXELS)], frame["relevance"])


@cache
def booster() -> Any:
    """XGBoost's own model of the ten digits, whose classes are 0 to 9."""
    import xgboost

    frame = images()[0]
    told = xgboost.DMatrix(frame[list(PIXELS)], label=frame["digit"].str[-1].astype(int))
    return xgboost.train({"objective": "multi:softprob", "num_class": 10, "nthread": 1}, told, 8)


@cache
def ranker() -> Any:
    """LightGBM's own ranking of the images of a sheet."""
    import lightgbm

    frame = images()[0]
    model = lightgbm.LGBMRanker(n_estimators=20, min_child_samples=5, n_jobs=1, verbose=-1)
    return model.fit(
        frame[list(PIXELS)], frame["relevance"], group=[SHEET] * frame["sheet"].nunique()
    ).booster_


def saved(model: Any, folder: Path) -> Path:
    """The model as a joblib file: skops is shown elsewhere, and takes the scan and each process a second longer."""
    path = folder / "model.joblib"
    joblib.dump(model, path)
    return path


def parquet(frame: pd.DataFrame) -> bytes:
    """The frame as a file."""
    sink = io.BytesIO()
    frame.to_parquet(sink, index=False)
    return sink.getvalue()


def digit_world(descriptor: Descriptor = CLASSES, frame: pd.DataFrame | None = None) -> kit.World:
    """A model of digits with one version, and the images it is measured on."""
    team = make_team("Reading")
    user = make_user("rita", full_name="Rita Maker", roles=[(Role.CONTRIBUTOR, team), (Role.OWNER, team)])
    maker = actor_for(user, via="rest")
    model = make.make_model(team, actor=maker, name="digits")
    task = "ranking" if descriptor.query_column else "multiclass"
    signature = {"task": task, "features": FEATURES, "target": descriptor.target}
    version = make.make_version(model, actor=maker, signature=signature)
    data = make.make_dataset_version(
        make.make_dataset(team, actor=maker, name="images"),
        actor=maker,
        content=parquet(images()[1] if frame is None else frame),
        descriptor=descriptor,
    )
    return kit.World(team, user, maker, model, version, data)


def upload(world: kit.World, artifact: Path, **more: Any) -> ModelVersion:
    """The artifact as a version of the world's model, with its first version's signature."""
    return make.make_version(
        world.model,
        actor=world.maker,
        files={artifact.name: artifact.read_bytes()},
        signature=world.version.signature | {"features": FEATURES},
        **more,
    )


def register(world: kit.World, frame: pd.DataFrame, descriptor: Descriptor) -> DatasetVersion:
    """Further data of the world's team."""
    return make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker),
        actor=world.maker,
        content=parquet(frame),
        descriptor=descriptor,
    )
