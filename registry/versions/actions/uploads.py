"""Uploading a version step by step: open, put each file, finalise. Rows of uploads are outside the one rule;
no version exists before `finalise_upload`, which is the action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from countersign import clock
from countersign.actors import Actor
from countersign.blobs.actions import keep_blob
from countersign.blobs.storage import storage
from countersign.blobs.store import Incoming
from countersign.errors import Conflict, Invalid, TooLarge
from countersign.identifiers import new_id
from countersign.permissions import Permission
from registry.versions.actions.locks import lock_model, refuse_archived
from registry.versions.actions.versions import register_version
from registry.versions.manifests import check_announced
from registry.versions.metadata import registration_of
from registry.versions.models import ModelVersion, RegisteredModel, Upload, UploadFile, UploadState
from registry.versions.paths import FILES_LIMIT, manifest_path, manifest_paths
from registry.versions.values import DeclaredFile, ReceivedFile, declared_files
from registry.visibility import require

OPEN_FOR = timedelta(days=7)


def open_upload(*, model: RegisteredModel, metadata: Mapping[str, Any], actor: Actor) -> Upload:
    """An upload that takes files for seven days. `metadata` is what the version will be registered with,
    checked now and again at the end; its `files`, if any, announce every file.

    Raises Refused, Invalid, NotFound (what is cited), TooLarge, NoRoom at once where the announced bytes do
    not fit."""
    require(actor, Permission.REGISTER, model.team_id)
    refuse_archived(model)
    declared: list[DeclaredFile] = registration_of(metadata, model=model, actor=actor)["declared"] or []
    paths = manifest_paths(one.path for one in declared)
    for one in declared:
        if one.size > settings.BLOB_SIZE_LIMIT:
            raise TooLarge(
                f"“{one.path[:80]}” has {one.size:,} bytes; a file has at most {settings.BLOB_SIZE_LIMIT:,}."
            )
    storage().require_room(sum(one.size for one in declared))
    now = clock.now()
    return Upload.objects.create(
        id=new_id(),
        model=model,
        metadata={name: value for name, value in metadata.items() if name != "files"},
        declared=[asdict(one) | {"path": path} for one, path in zip(declared, paths, strict=True)],
        created_by_kind=actor.kind.value,
        created_by=actor.ref,
        created_at=now,
        expires_at=now + OPEN_FOR,
    )


def announced_file(upload: Upload, path: str) -> DeclaredFile | None:
    """What was announced of a file, by its checked path. Raises Invalid (files_differ) where files were
    announced and this is none of them."""
    announced = {one.path: one for one in declared_files(upload.declared)}
    if announced and path not in announced:
        raise Invalid(f"“{path[:80]}” was not announced when the upload was opened.", code="files_differ")
    return announced.get(path)


def put_file(*, upload: Upload, path: str, incoming: Incoming, actor: Actor) -> UploadFile:
    """Add a received file, in place of one that came before under this path.

    Raises Invalid (bad_path, files_differ, digest_mismatch), Conflict (upload_closed), Refused."""
    path = manifest_path(path)
    if (announced := announced_file(upload, path)) is not None:
        check_announced(announced, incoming)
    with transaction.atomic():
        locked = _lock_open(upload)
        require(actor, Permission.REGISTER, upload.model.team_id)
        if locked.files.exclude(path=path).count() >= FILES_LIMIT:
            raise Invalid(f"A version has at most {FILES_LIMIT:,} files.", code="bad_path")
        blob = keep_blob(incoming)
        file, _ = UploadFile.objects.update_or_create(upload=locked, path=path, defaults={"blob": blob})
    return file


def finalise_upload(*, upload: Upload, actor: Actor) -> ModelVersion:
    """Register the version from the files that arrived, if all announced ones did. Doing it twice gives the
    same version.

    Raises what `register_version` raises, Conflict (upload_closed)."""
    with transaction.atomic():
        model = lock_model(upload.model)
        locked = Upload.objects.select_for_update(of=("self",)).select_related("version").get(pk=upload.pk)
        if locked.state == UploadState.FINALISED and locked.version is not None:
            return locked.version
        refuse_closed(locked)
        registration = registration_of(locked.metadata, model=model, actor=actor)
        files = [ReceivedFile(file.path, file.blob) for file in locked.files.select_related("blob")]
        registration["declared"] = declared_files(locked.declared) or None
        version = register_version(model=model, files=files, actor=actor, **registration)
        locked.files.all().delete()
        locked.state, locked.version = UploadState.FINALISED.value, version
        locked.save(update_fields=["state", "version"])
    return version


def abandon_upload(*, upload: Upload, actor: Actor) -> None:
    """Give the upload up; the collector removes its bytes. Twice is as good as once.

    Raises Refused, Conflict (upload_closed) after it was finalised."""
    require(actor, Permission.REGISTER, upload.model.team_id)
    with transaction.atomic():
        locked = Upload.objects.select_for_update().get(pk=upload.pk)
        if locked.state == UploadState.FINALISED:
            raise Conflict("This upload has become a version already.", code="upload_closed")
        _close(locked)


def abandon_expired_uploads() -> int:
    """Close the uploads whose time is over; how many."""
    expired = Upload.objects.filter(state=UploadState.OPEN, expires_at__lt=clock.now())
    with transaction.atomic():
        uploads = list(expired.select_for_update(skip_locked=True))
        for upload in uploads:
            _close(upload)
    return len(uploads)


def _close(upload: Upload) -> None:
    upload.files.all().delete()
    upload.state = UploadState.ABANDONED.value
    upload.save(update_fields=["state"])


def _lock_open(upload: Upload) -> Upload:
    locked = Upload.objects.select_for_update().get(pk=upload.pk)
    refuse_closed(locked)
    return locked


def refuse_closed(upload: Upload) -> None:
    """Raise Conflict (upload_closed) where it takes no more: ask before reading a body."""
    if upload.state != UploadState.OPEN or upload.expires_at <= clock.now():
        state = "has expired" if upload.state == UploadState.OPEN else f"is {upload.state}"
        raise Conflict(f"This upload {state} and takes no more. Open another.", code="upload_closed")
