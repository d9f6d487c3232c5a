"""What a version is judged by beside its evidence and card, read for many versions at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from governance.comparisons.rivals import Rivals
from governance.evaluation.models import Evaluation
from governance.policies.reported import Reports
from governance.profiles.models import ModelProfile
from registry.versions.models import ModelVersion, VersionInput


@dataclass(frozen=True, slots=True)
class Around:
    """`inputs` are all data the version names, with their dataset; `newest` is the newest evaluation by suite
    whatever became of it, without its documents; `has_tier`: the model has a profile; `rivals` knows whom each of
    the versions is compared with and `reports` what others reported of it; either reads that once a rule asks."""

    inputs: Sequence[VersionInput]
    newest: Mapping[str, Evaluation]
    has_tier: bool
    rivals: Rivals
    reports: Reports

    @property
    def training(self) -> list[VersionInput]:
        """The data it learned from."""
        return [one for one in self.inputs if one.context == "training"]


def around_of(versions: Sequence[ModelVersion]) -> dict[UUID, Around]:
    """The surroundings of these versions by their ids, in three queries, four more where a rule compares and one more
    where one asks for a report."""
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
    rivals, reports = Rivals(versions), Reports(versions)
    return {
        version.pk: Around(
            inputs[version.pk], newest[version.pk], version.model_id in with_tier, rivals, reports
        )
        for version in versions
    }
