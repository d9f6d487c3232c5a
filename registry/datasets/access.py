"""You get a dataset or a version of it only through a function that knows who asks."""

from __future__ import annotations

from countersign.actors import Actor
from countersign.permissions import Permission
from registry.datasets.models import Dataset, DatasetVersion
from registry.datasets.queries import dataset_versions_visible_to, datasets_visible_to
from registry.names import folded
from registry.visibility import found, require


def get_dataset(actor: Actor, name: str, permission: Permission = Permission.SEE) -> Dataset:
    """The dataset of this name. Raises NotFound, Refused."""
    dataset = found(datasets_visible_to(actor).filter(name_folded=folded(name)).first(), "dataset")
    require(actor, permission, dataset.team_id)
    return dataset


def get_dataset_version(
    actor: Actor, name: str, number: int, permission: Permission = Permission.SEE
) -> DatasetVersion:
    """A version of the dataset of this name. Raises NotFound, Refused."""
    dataset = get_dataset(actor, name)
    versions = dataset_versions_visible_to(actor).filter(dataset=dataset, number=number)
    version = found(versions.first(), "version of this dataset")
    require(actor, permission, dataset.team_id)
    return version
