"""Registering, describing, archiving and restoring versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from countersign import canonical, clock
from countersign.actors import Actor
from countersign.blobs.actions import keep_blobs
from countersign.blobs.models import Blob
from countersign.blobs.store import Incoming
from countersign.errors import Invalid, Refused
from countersign.ledger.append import append_entry
from countersign.ledger.verbs import Verb
from countersign.permissions import Permission
from countersign.verdicts import Verdict
from registry import gates
from registry.gates import Act, Question
from registry.names import checked_text
from registry.runs.actions import RunDescription, end_run, record_run
from registry.runs.models import Run, RunState
from registry.versions.actions.aliases import set_alias
from registry.versions.actions.contributors import add_found, contributors_of_registration
from registry.versions.actions.locks import lock_model, lock_version, refuse_archived
from registry.versions.actions.tags import set_tag
from registry.versions.allowed import aliases_verdict
from registry.versions.flavours import recognise
from registry.versions.inputs import claimed_inputs
from registry.versions.manifests import checked_files, digest_of, manifest_of
from registry.versions.mlmodel import Claims, claimed_signature, claims_of
from registry.versions.models import ManifestFile, ModelVersion, RegisteredModel, VersionInput
from registry.versions.paths import manifest_path
from registry.versions.queries import signature_digest
from registry.versions.values import (
    DeclaredFile,
    InputClaim,
    ReceivedFile,
    checked_libraries,
    checked_signature,
    checked_tags,
)
from registry.versions.verbs import (
    VERSION_ARCHIVED,
    VERSION_REGISTERED,
    VERSION_RESTORED,
    VERSION_UPDATED,
)
from registry.visibility import require


def register_version(
    *,
    model: RegisteredModel,
    files: Sequence[ReceivedFile],
    declared: Sequence[DeclaredFile] | None = None,
    flavour: str | None = None,
    entry_file: str | None = None,
    signature: Mapping[str, Any] | None = None,
    description: str = "",
    libraries: Mapping[str, Any] | None = None,
    run: Run | RunDescription | None = None,
    parent: ModelVersion | None = None,
    inputs: Sequence[InputClaim] = (),
    trainers: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    alias: str | None = None,
    actor: Actor,
) -> ModelVersion:
    """The next version of the model, whole or not at all, immutable from then on.

    `declared` are the files announced, if any: exactly those must be there. Where no signature or libraries are
    given, those an MLflow folder claims stand in. A run that is described is
    recorded with it; one that still runs is ended and sealed, since a version must not cite what can change.
    The caller checked that the actor may see what is cited, and removes received bytes where this raises.
    Raises Refused (permission, archived, a gate of the alias), Invalid (bad_path, no_files, files_differ,
    digest_mismatch, flavour_disagrees, entry_file_needed, unknown_person, …), Conflict."""
    found = checked_files(files, declared)
    recognised = recognise(
        found, flavour=flavour, entry_file=manifest_path(entry_file) if entry_file else None
    )
    claims = claims_of(found) or Claims()
    checked = {
        "signature": checked_signature(signature) if signature else claimed_signature(claims),
        "libraries": checked_libraries(libraries or claims.libraries),
        "description": checked_text(description, field="description"),
    }
    with transaction.atomic():
        model = lock_model(model)
        require(actor, Permission.REGISTER, model.team_id)
        refuse_archived(model)
        if parent is not None and parent.model_id != model.pk:
            sentence = "The parent is a version of the same model. Name another model's by a lineage edge."
            raise Invalid(sentence, fields={"parent": [sentence]})
        run = _sealed(run, model, actor)
        contributors = contributors_of_registration(actor=actor, run=run, trainers=trainers)
        claimed = claimed_inputs(inputs, run)
        version = ModelVersion.objects.create(
            model=model,
            number=model.next_number,
            digest=digest_of(manifest_of(found)),
            flavour=recognised.flavour.value,
            entry_file=recognised.entry_file,
            size=sum(blob.size for blob in found.values()),
            run=run,
            parent=parent,
            created_at=clock.now(),
            created_by_kind=actor.kind.value,
            created_by=actor.ref,
            created_by_label=actor.label,
            **checked,
        )
        model.next_number += 1
        model.save(update_fields=["next_number"])
        _insert_files(version, found)
        for one in claimed:
            one.version = version
        VersionInput.objects.bulk_create(claimed)
        append_entry(
            verb=VERSION_REGISTERED, subject=version, actor=actor, details=_details(version, found, claimed)
        )
        add_found(version=version, found=contributors, actor=actor)
        for key, value in checked_tags(tags).items():
            set_tag(model=model, version=version, key=key, value=value, actor=actor)
        if alias:
            set_alias(model=model, name=alias, version=version, actor=actor)
    return version


def _sealed(run: Run | RunDescription | None, model: RegisteredModel, actor: Actor) -> Run | None:
    """The run as the version may cite it: recorded, ended, sealed."""
    if run is None:
        return None
    if isinstance(run, RunDescription):
        return record_run(description=run, team=model.team, actor=actor)
    current = Run.objects.select_for_update(of=("self",), no_key=True).get(pk=run.pk)
    return end_run(run=current, actor=actor) if current.state == RunState.RUNNING else current


def _insert_files(version: ModelVersion, found: Mapping[str, Blob | Incoming]) -> None:
    """All rows in one statement: the database checks after it that they are what the digest says."""
    incoming = {path: blob for path, blob in found.items() if isinstance(blob, Incoming)}
    kept = dict(zip(incoming, keep_blobs(list(incoming.values())), strict=True))
    ManifestFile.objects.bulk_create(
        ManifestFile(
            version=version,
            path=path,
            size=blob.size,
            blob_id=kept[path].sha256 if path in kept else blob.sha256,
        )
        for path, blob in sorted(found.items())
    )


def _details(
    version: ModelVersion, found: Mapping[str, Blob | Incoming], claimed: Sequence[VersionInput]
) -> dict[str, Any]:
    return {
        "files": len(found),
        "signature": f"sha256:{signature_digest(version)}",
        "libraries": canonical.digest([[name, said] for name, said in sorted(version.libraries.items())]),
        "inputs": [
            {"dataset_version": str(one.dataset_version_id), "context": one.context, "claim": one.claim}
            for one in claimed
        ],
    }


def update_version(*, version: ModelVersion, description: str, actor: Actor) -> ModelVersion:
    """Replace the description, the one thing about a version that may change; an equal one changes nothing.

    Raises Refused, Invalid."""
    description = checked_text(description, field="description")
    with transaction.atomic():
        version = lock_version(version)
        require(actor, Permission.REGISTER, version.model.team_id)
        if version.description != description:
            before = version.ledger_state()
            version.description = description
            version.save(update_fields=["description"])
            append_entry(verb=VERSION_UPDATED, subject=version, actor=actor, before=before)
    return version


def archive_version(*, version: ModelVersion, actor: Actor) -> ModelVersion:
    """Take the version out of use; nothing is lost. Raises Refused (permission, gates, archived already,
    aliases)."""
    with transaction.atomic():
        version = lock_version(version)
        require(actor, Permission.ARCHIVE, version.model.team_id)
        refuse_archived(version)
        question = Question(act=Act.ARCHIVE_VERSION, model=version.model, version=version)
        verdict = Verdict.all_of([gates.check(question, actor), aliases_verdict(version)])
        if not verdict:
            raise Refused(verdict)
        return _set_archived(version, clock.now(), VERSION_ARCHIVED, actor)


def restore_version(*, version: ModelVersion, actor: Actor) -> ModelVersion:
    """Bring an archived version back; one in use stays as it is. Raises Refused."""
    with transaction.atomic():
        version = lock_version(version)
        require(actor, Permission.ARCHIVE, version.model.team_id)
        return _set_archived(version, None, VERSION_RESTORED, actor) if version.archived_at else version


def _set_archived(version: ModelVersion, at: datetime | None, verb: Verb, actor: Actor) -> ModelVersion:
    before = version.ledger_state()
    version.archived_at = at
    version.save(update_fields=["archived_at"])
    append_entry(verb=verb, subject=version, actor=actor, before=before)
    return version
