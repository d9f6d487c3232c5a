"""The data a version learned from: what was claimed with it, and what its run recorded."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from countersign.errors import Invalid
from registry.datasets.models import DatasetVersion
from registry.runs.models import Run, RunInput
from registry.runs.telemetry import checked_context
from registry.versions.models import VersionInput
from registry.versions.values import InputClaim

INPUTS_LIMIT = 100
"""Inputs stand in the entry that registers the version."""

_STRENGTH = {"declared": 0, "observed": 1, "verified": 2}


def claimed_inputs(claims: Sequence[InputClaim], run: Run | None) -> list[VersionInput]:
    """Unsaved rows, the strongest claim for each (dataset version, context), in a fixed order.

    A claim with the digest of what was read is *verified* when it is the registered one; what the run
    recorded is *observed*; the rest is *declared*. Raises Invalid (digest_mismatch)."""
    found: dict[tuple[UUID, str], VersionInput] = {}

    def claim(version: DatasetVersion, context: str, how: str) -> None:
        known = found.get((version.pk, context))
        if known is None or _STRENGTH[how] > _STRENGTH[known.claim]:
            found[version.pk, context] = VersionInput(dataset_version=version, context=context, claim=how)

    if run is not None:
        for read in RunInput.objects.filter(run=run).select_related("dataset_version"):
            claim(read.dataset_version, read.context, "observed")
    for one in claims:
        if one.sha256 is not None and one.sha256 != one.dataset_version.digest:
            sentence = (
                f"The job read data with SHA-256 {one.sha256}; {one.dataset_version} has "
                f"{one.dataset_version.digest}. Name the version it read, or register it."
            )
            raise Invalid(sentence, fields={"inputs": [sentence]}, code="digest_mismatch")
        claim(one.dataset_version, checked_context(one.context), "verified" if one.sha256 else "declared")
    if len(found) > INPUTS_LIMIT:
        raise Invalid(f"A version has at most {INPUTS_LIMIT} inputs.", fields={"inputs": ["Too many."]})
    return [found[key] for key in sorted(found)]
