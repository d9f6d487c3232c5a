"""What a version is judged by beside its evidence and card, read for many versions at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from governance.evaluation.models import Evaluation
from governance.profiles.models import ModelProfile
from registry.versions.models import ModelVersion, VersionInput


@dataclass(frozen=True, slots=True)
class Around:
    """`inputs` are all data the version names, with their dataset; `newest` is the newest evaluation by suite
    whatever became of it, without its documents; `has_tier`: the model has a profile."""

    inputs: Sequence[VersionInput]
    newest: Mapping[str, Evaluation]
    has_tier: bool

    @property
    def training(self) -> list[VersionInput]:
        """The data it learned from."""
        return [one for one in self.inputs if one.context == "training"]


def around_of(versions: Sequence[ModelVersion]) -> dict[UUID, Around]:
    """The surroundings of these versions by their ids, in three queries."""
    inputs: dict[UUID, list[VersionInput]] = {version.pk: [] for version in versions}
    named = VersionInput.objects.filter(version__in=versions).select_related("dataset_version__dataset")
    for one in named.order_by("pk"):
        inputs[one.version_id].append(one)
    newest: dict[UUID, dict[str, Evaluation]] = {version.pk: {} for version in versions}
    evaluations = Evaluation.objects.filter(version__in=versions).defer("results", "circumstances")
    for evaluation in evaluations.order_by("version", "suite", "-number").distinct("version", "suite"):
        newest[evaluation.version_id][evaluation.suite] = evaluation
    with_tier = set(
        ModelProfile.objects.filter(model__in={version.model_id for version in versions}).values_list(
            "model", flat=True
        )
    )
    return {
        version.pk: Around(inputs[version.pk], newest[version.pk], version.model_id in with_tier)
        for version in versions
    }
