"""Scanning all files of a version, and what an MLflow folder among them claims."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countersign.blobs.store import local_path
from governance.evaluation.preparing import Prepared
from registry.versions.mlmodel import claims_of
from registry.versions.models import ModelVersion

if TYPE_CHECKING:
    from governance.evaluation.sandbox import ScanReport


def scan_version(
    version: ModelVersion, prepared: Prepared, model: Path, cancelled: Callable[[], bool]
) -> ScanReport:
    """Scan every file of the version, `model` being where its model's file lies. Raises EvaluationFailed where
    `cancelled`, asked a few times a second, says so, and where the sandbox is not to be had."""
    from governance.evaluation.sandbox import scan_files

    entry = prepared.artifact.path
    with ExitStack() as stack:
        others = {
            file.path: stack.enter_context(local_path(file.blob))
            for file in version.files.select_related("blob").exclude(path=entry).order_by("path")
        }
        return scan_files(
            files={entry: model, **others},
            entry=entry,
            flavour=prepared.flavour,
            limits=prepared.limits,
            isolation=prepared.isolation,
            cancelled=cancelled,
        )


def claims_in(version: ModelVersion) -> dict[str, Any]:
    """What the version's `MLmodel` file claims, as plain values; empty without one. Nothing is done with it."""
    claims = claims_of({file.path: file.blob for file in version.files.select_related("blob")})
    return claims.as_dict() if claims else {}
