"""The JSON that tells of a version (`metadata` of a multipart upload, the body that opens an upload step by
step), turned into what `register_version` takes. docs/api.md, “Upload a model version”, describes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from countersign.actors import Actor
from countersign.blobs.store import sha256_of_text
from countersign.errors import Invalid, NotFound
from countersign.permissions import Permission
from registry.datasets.access import get_dataset_version
from registry.names import checked_text
from registry.runs.access import get_run
from registry.runs.actions import RunDescription, Source
from registry.runs.models import Run
from registry.runs.telemetry import ReadDataset, checked_context, metrics_of, parameters_of
from registry.versions.models import ModelVersion, RegisteredModel
from registry.versions.values import (
    InputClaim,
    checked_libraries,
    checked_signature,
    checked_tags,
    declared_files,
)

FIELDS = frozenset(
    [
        "flavour",
        "entry_file",
        "signature",
        "description",
        "libraries",
        "run",
        "parent",
        "inputs",
        "trainers",
        "tags",
        "alias",
        "files",
    ]
)
RUN_FIELDS = frozenset(
    [
        "experiment",
        "name",
        "parameters",
        "metrics",
        "inputs",
        "source_commit",
        "source_repository",
        "source_clean",
    ]
)


def registration_of(raw: Mapping[str, Any], *, model: RegisteredModel, actor: Actor) -> dict[str, Any]:
    """The arguments of `register_version` but the files. What is cited must be visible to the actor.

    Raises Invalid, also for a field it does not know; NotFound for what is cited and not there."""
    _only_known(raw, FIELDS, "metadata")
    return {
        "flavour": checked_text(raw.get("flavour") or "", field="flavour", limit=20, lines=False) or None,
        "entry_file": checked_text(raw.get("entry_file") or "", field="entry_file", limit=500, lines=False)
        or None,
        "signature": checked_signature(raw.get("signature")),
        "description": checked_text(raw.get("description") or "", field="description"),
        "libraries": checked_libraries(raw.get("libraries")),
        "run": _run(raw.get("run"), actor),
        "parent": _parent(raw.get("parent"), model),
        "inputs": [_input(one, actor) for one in _list(raw, "inputs")],
        "trainers": [
            checked_text(name, field="trainers", limit=150, lines=False) for name in _list(raw, "trainers")
        ],
        "tags": checked_tags(raw.get("tags")),
        "alias": checked_text(raw.get("alias") or "", field="alias", limit=100, lines=False) or None,
        "declared": declared_files(raw["files"]) if raw.get("files") is not None else None,
    }


def _run(raw: Any, actor: Actor) -> Run | RunDescription | None:
    if raw is None:
        return None
    if isinstance(raw, str):
        try:
            return get_run(actor, UUID(raw), Permission.REGISTER)
        except ValueError:
            raise _wrong("run", "Give the id of a run, or an object that describes one.") from None
    if not isinstance(raw, Mapping):
        raise _wrong("run", "Give the id of a run, or an object that describes one.")
    _only_known(raw, RUN_FIELDS, "run")
    clean = raw.get("source_clean")
    if clean is not None and not isinstance(clean, bool):
        raise _wrong("run", "source_clean is true, false or null.")
    return RunDescription(
        experiment=checked_text(raw.get("experiment") or "", field="run.experiment", limit=200, lines=False),
        name=checked_text(raw.get("name") or "", field="run.name", limit=200, lines=False),
        parameters=parameters_of(raw.get("parameters") or {}),
        metrics=metrics_of(raw.get("metrics") or []),
        inputs=[read_dataset(one, actor) for one in _list(raw, "inputs")],
        source=Source(
            repository=checked_text(
                raw.get("source_repository") or "", field="run.source_repository", limit=500, lines=False
            ),
            commit=checked_text(
                raw.get("source_commit") or "", field="run.source_commit", limit=64, lines=False
            ),
            clean=clean,
        ),
    )


def _parent(raw: Any, model: RegisteredModel) -> ModelVersion | None:
    if raw is None:
        return None
    if type(raw) is not int:
        raise _wrong("parent", "Give the number of a version of this model.")
    parent: ModelVersion | None = (
        ModelVersion.objects.filter(model=model, number=raw).first() if 0 < raw < 2**31 else None
    )
    if parent is None:
        raise NotFound(f"“{model.name}” has no version {raw} that could be the parent.")
    return parent


def read_dataset(raw: Any, actor: Actor) -> ReadDataset:
    """{"dataset", "version", "context"?} as what a run read. Raises Invalid, NotFound."""
    claim = _input(raw, actor)
    return ReadDataset(claim.dataset_version, claim.context)


def _input(raw: Any, actor: Actor) -> InputClaim:
    if not isinstance(raw, Mapping) or not {"dataset", "version"} <= set(raw):
        raise _wrong(
            "inputs", "Each input is an object with dataset, version and, if wanted, context and sha256."
        )
    _only_known(raw, {"dataset", "version", "context", "sha256"}, "inputs")
    dataset = checked_text(raw["dataset"], field="inputs", limit=200, lines=False)
    if type(raw["version"]) is not int or not 0 < raw["version"] < 2**31:
        raise _wrong("inputs", "dataset is a name, version a number.")
    sha256 = raw.get("sha256")
    return InputClaim(
        get_dataset_version(actor, dataset, raw["version"]),
        checked_context(raw.get("context") or "training"),
        sha256_of_text(str(sha256)) if sha256 is not None else None,
    )


def _list(raw: Mapping[str, Any], field: str) -> Sequence[Any]:
    value = raw.get(field) or []
    if not isinstance(value, list) or len(value) > 1_000:
        raise _wrong(field, "Give a list of at most 1,000.")
    return value


def _only_known(raw: Mapping[str, Any], known: frozenset[str] | set[str], field: str) -> None:
    if unknown := sorted(set(map(str, raw)) - known):
        raise _wrong(field, f"Unknown field “{unknown[0][:80]}”. Known are: {', '.join(sorted(known))}.")


def _wrong(field: str, sentence: str) -> Invalid:
    return Invalid(f"{field}: {sentence}", fields={field: [sentence]}, code="bad_metadata")
