"""What running a version's model takes, looked up before its file is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from countersign.blobs.models import Blob
from countersign.jobs.handlers import JobFailed
from governance.evaluation.foreign import why_not_run
from governance.evaluation.models import Evaluation
from registry.versions.models import ManifestFile
from registry.versions.tasks import Task

if TYPE_CHECKING:
    from governance.evaluation.data import EvaluationData
    from governance.evaluation.sandbox import Flavour, Isolation, Limits


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model's file and the data's, and how the one is run on the other. `types` holds what the signature says of
    the features, in the model's order."""

    types: dict[str, str]
    flavour: Flavour
    isolation: Isolation
    limits: Limits
    artifact: ManifestFile
    data: Blob


def prepare(evaluation: Evaluation) -> Prepared:
    """Raises JobFailed (flavour_unknown, no_signature, isolation_too_weak, data_elsewhere)."""
    from governance.evaluation.sandbox import Flavour, Limits, detect_isolation

    version, data_version = evaluation.version, evaluation.dataset_version
    try:
        flavour = Flavour(version.flavour)
    except ValueError:
        files = version.files.select_related("blob").order_by("path")
        raise JobFailed("flavour_unknown", why_not_run(files)) from None
    types = {feature["name"]: feature["type"] for feature in version.signature.get("features", [])}
    if not types:
        raise JobFailed(
            "no_signature",
            "The version's signature names no features, so the columns to score are unknown. "
            "Upload it again with `signature.features`.",
        )
    isolation = detect_isolation()
    if isolation.level < settings.ISOLATION_MINIMUM:
        raise JobFailed(
            "isolation_too_weak",
            f"This host reaches sandbox level {isolation.level}; at least {settings.ISOLATION_MINIMUM} is required. "
            "Run the worker on Linux 5.13 or newer, or lower COUNTERSIGN_ISOLATION_MIN knowingly.",
        )
    if data_version.blob is None:
        raise JobFailed(
            "data_elsewhere", f"{data_version} is kept elsewhere; upload its file to evaluate on it."
        )
    limits = Limits(
        memory_bytes=settings.EVALUATION_MEMORY_BYTES,
        cpu_seconds=settings.EVALUATION_CPU_SECONDS,
        wall_seconds=settings.EVALUATION_WALL_SECONDS,
    )
    artifact = version.files.select_related("blob").get(path=version.entry_file)
    return Prepared(types, flavour, isolation, limits, artifact, data_version.blob)


def opened(
    evaluation: Evaluation, task: Task, types: dict[str, str], path: Path, tick: Callable[[int], None]
) -> EvaluationData:
    """The evaluation's data at `path`: features by what the signature says of them, and what is declared beside
    them. Raises JobFailed as `open_data` does."""
    from governance.evaluation.data import open_data

    data = evaluation.dataset_version
    return open_data(
        path,
        data_format=data.format,
        features=list(types),
        target=data.target,
        positive_label=data.positive_label,
        sensitive_attributes=data.sensitive_attributes,
        query_column=data.query_column,
        task=task,
        row_key=data.row_key,
        types=types,
        tick=tick,
    )
