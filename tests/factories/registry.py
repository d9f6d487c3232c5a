"""Models, versions, runs and datasets for tests, made by the product's own actions.

team, maker = make_makers("Risk")                # a team and the actor of a contributor and owner in it
model = make_model(team, actor=maker)
version = make_version(model, actor=maker, files={"model.skops": skops_bytes()})
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from countersign.accounts.models import Team
from countersign.actors import Actor
from countersign.blobs.store import Incoming, receive
from countersign.permissions import Role
from registry.datasets.actions import create_dataset, register_dataset_version
from registry.datasets.descriptors import Column, Descriptor
from registry.datasets.models import Dataset, DatasetVersion
from registry.runs.actions import create_experiment, start_run
from registry.runs.models import Run
from registry.versions.actions import ReceivedFile, register_model, register_version
from registry.versions.models import ModelVersion, RegisteredModel
from tests.factories.people import actor_for, make_team, make_user

SIGNATURE: dict[str, Any] = {
    "features": [{"name": "credit_limit", "type": "int64"}, {"name": "bill_amount", "type": "int64"}],
    "target": "default",
    "positive_label": "1",
    "threshold": 0.3,
}

_numbers = count(1)


def make_makers(name: str = "") -> tuple[Team, Actor]:
    """A team and an actor who makes and owns things in it."""
    team = make_team(name)
    maker = make_user(full_name="Maker", roles=[(Role.CONTRIBUTOR, team), (Role.OWNER, team)])
    return team, actor_for(maker, via="rest")


def incoming(content: bytes) -> Incoming:
    """Bytes as an upload brings them: in the store, without a row."""
    return receive([content], size=len(content), expected_sha256=None, limit=2**30)


def skops_bytes(content: str = "{}") -> bytes:
    """A file that is recognised as skops: a ZIP archive with schema.json."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(zipfile.ZipInfo("schema.json"), content)
    return sink.getvalue()


def parquet_bytes(columns: Mapping[str, list[Any]] | None = None) -> bytes:
    """A Parquet file of these columns."""
    sink = io.BytesIO()
    pq.write_table(
        pa.table(
            columns
            or {
                "row_key": ["a", "b", "c"],
                "credit_limit": [10, 20, 30],
                "bill_amount": [1, 2, 3],
                "sex": ["f", "m", "f"],
                "default": [0, 1, 0],
            }
        ),
        sink,
    )
    return sink.getvalue()


DESCRIPTOR = Descriptor(
    target="default",
    positive_label="1",
    favourable_label="0",
    sensitive_attributes=("sex",),
    row_key="row_key",
    licence="CC-BY-4.0",
    source="A test",
)


def make_model(team: Team, *, actor: Actor, name: str = "") -> RegisteredModel:
    """A registered model of the team."""
    return register_model(name=name or f"model-{next(_numbers)}", team=team, description="", actor=actor)


def make_version(
    model: RegisteredModel, *, actor: Actor, files: Mapping[str, bytes] | None = None, **arguments: Any
) -> ModelVersion:
    """A version with these files (one that nothing else shares, without)."""
    content = files or {"model.skops": skops_bytes(f"{next(_numbers)}")}
    return register_version(
        model=model,
        files=[ReceivedFile(path, incoming(data)) for path, data in content.items()],
        signature=arguments.pop("signature", SIGNATURE),
        actor=actor,
        **arguments,
    )


def make_dataset(team: Team, *, actor: Actor, name: str = "") -> Dataset:
    """A dataset of the team."""
    return create_dataset(name=name or f"dataset-{next(_numbers)}", team=team, actor=actor)


def make_dataset_version(
    dataset: Dataset, *, actor: Actor, content: bytes | None = None, descriptor: Descriptor = DESCRIPTOR
) -> DatasetVersion:
    """A version of the dataset, kept here."""
    return register_dataset_version(
        dataset=dataset,
        incoming=incoming(content or parquet_bytes()),
        descriptor=descriptor,
        actor=actor,
    )


def make_distant_data(dataset: Dataset, *, actor: Actor) -> DatasetVersion:
    """A version of the dataset kept elsewhere; nothing is read for it."""
    columns = tuple(Column(name=name, type="string") for name in ("row_key", "sex", "default"))
    return register_dataset_version(
        dataset=dataset,
        digest=f"{next(_numbers):064x}",
        descriptor=replace(DESCRIPTOR, columns=columns, location="s3://elsewhere/data.parquet", rows=3),
        actor=actor,
    )


def make_run(team: Team, *, actor: Actor, **arguments: Any) -> Run:
    """A running run in an experiment of its own."""
    experiment = create_experiment(name=f"experiment-{next(_numbers)}", team=team, actor=actor)
    return start_run(experiment=experiment, actor=actor, **arguments)
