"""Registered models, model versions with their manifests and contributors, tags, aliases, uploads."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q

from countersign.clock import stamp
from countersign.ledger.models import Recorded
from registry.datasets.models import DatasetVersion
from registry.runs.models import Run
from registry.visibility import OfModel, OfTeam, OfVersion


class RegisteredModel(Recorded):
    """A named line of model versions, owned by a team. It knows nothing of approval."""

    ledger_type: ClassVar[str] = "registry.registered_model"
    name = models.CharField(max_length=200)
    name_folded = models.CharField(max_length=250, unique=True)
    team = models.ForeignKey("accounts.Team", on_delete=models.RESTRICT, related_name="registered_models")
    description = models.TextField(blank=True)
    next_number = models.PositiveIntegerField(default=1)  # numbers count up and are never reused
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True)

    objects = OfTeam.as_manager()

    def __str__(self) -> str:
        return self.name

    def ledger_state(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "team": str(self.team_id),
            "description": self.description,
            "archived_at": stamp(self.archived_at) if self.archived_at else None,
        }


class ModelVersion(Recorded):
    """One immutable candidate. `digest` is the SHA-256 of its manifest's canonical bytes.

    `signature` is {"features": [{"name", "type"}], "target", "positive_label", "threshold"}, with "costs" where
    errors have a price; of another task with "task" as well, of a regression with "tolerance"."""

    ledger_type: ClassVar[str] = "registry.model_version"
    model = models.ForeignKey(RegisteredModel, on_delete=models.RESTRICT, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    flavour = models.CharField(max_length=20)
    entry_file = models.CharField(max_length=500)  # path in the manifest of the file that loads
    size = models.BigIntegerField()
    description = models.TextField(blank=True)
    signature = models.JSONField(default=dict)
    libraries = models.JSONField(default=dict)  # as declared by the uploader: {"scikit-learn": "1.9.1"}
    run = models.ForeignKey(Run, on_delete=models.RESTRICT, null=True, related_name="versions")
    parent = models.ForeignKey("self", on_delete=models.RESTRICT, null=True, related_name="children")
    created_at = models.DateTimeField()
    created_by_kind = models.CharField(max_length=10)
    created_by = models.UUIDField(null=True)
    created_by_label = models.CharField(max_length=200)
    archived_at = models.DateTimeField(null=True)

    objects = OfModel.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["model", "number"], name="model_version_number"),
            models.CheckConstraint(
                name="version_digest_is_hex", condition=Q(digest__regex=r"^[0-9a-f]{64}$")
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["model", "-number"], name="model_version_newest")
        ]

    def __str__(self) -> str:
        return f"{self.model.name} {self.number}"

    def ledger_state(self) -> dict[str, Any]:
        return {
            "model": str(self.model_id),
            "number": self.number,
            "digest": f"sha256:{self.digest}",
            "flavour": self.flavour,
            "entry_file": self.entry_file,
            "size": self.size,
            "description": self.description,
            "run": str(self.run_id) if self.run_id else None,
            "parent": str(self.parent_id) if self.parent_id else None,
            "archived_at": stamp(self.archived_at) if self.archived_at else None,
        }


class ManifestFile(models.Model):
    """One file of a version's manifest: path, size and digest."""

    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="files")
    path = models.CharField(max_length=500)
    size = models.BigIntegerField()
    blob = models.ForeignKey("blobs.Blob", on_delete=models.RESTRICT, related_name="+")

    class Meta:
        ordering: ClassVar[list[str]] = ["path"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["version", "path"], name="manifest_path_once")
        ]

    def __str__(self) -> str:
        return self.path


class ContributorKind(models.TextChoices):
    """How a person made the version."""

    UPLOADER = "uploader"
    TRAINER = "trainer"
    CARD_AUTHOR = "card_author"
    COMMIT_AUTHOR = "commit_author"


class KnownBy(models.TextChoices):
    """How we know it was this person."""

    AUTHENTICATED = "authenticated"
    VERIFIED = "verified"
    DECLARED = "declared"


class Contributor(Recorded):
    """A person who made the version; they cannot sign for it. `user` is None for somebody unknown here, whose
    declared identity is kept beside the ledger only."""

    ledger_type: ClassVar[str] = "registry.contributor"
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="contributors")
    user = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, null=True, related_name="+")
    declared_identity = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=20, choices=ContributorKind.choices)
    known_by = models.CharField(max_length=20, choices=KnownBy.choices)
    service_account = models.UUIDField(null=True)  # the account through which a person answers for the upload
    created_at = models.DateTimeField()

    objects = OfVersion.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["version", "user", "kind"], name="contributor_once", condition=Q(user__isnull=False)
            ),
            models.CheckConstraint(
                name="contributor_is_somebody", condition=Q(user__isnull=False) | ~Q(declared_identity="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.version}"

    def ledger_state(self) -> dict[str, Any]:
        return {
            "version": str(self.version_id),
            "user": str(self.user_id) if self.user_id else None,
            "kind": self.kind,
            "known_by": self.known_by,
            "service_account": str(self.service_account) if self.service_account else None,
        }


class VersionInput(models.Model):
    """A dataset version this model version was trained or validated on, and who claims it."""

    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="inputs")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.RESTRICT, related_name="trained")
    context = models.CharField(max_length=40, default="training")
    claim = models.CharField(
        max_length=10,
        choices=[("declared", "declared"), ("observed", "observed"), ("verified", "verified by digest")],
    )

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["version", "dataset_version", "context"], name="version_input_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} from {self.dataset_version}"


class Tag(Recorded):
    """A key with a value on a registered model (version None) or on one version."""

    ledger_type: ClassVar[str] = "registry.tag"
    model = models.ForeignKey(RegisteredModel, on_delete=models.RESTRICT, related_name="tags")
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, null=True, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=5000, blank=True)

    objects = OfModel.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["version", "key"], name="version_tag", condition=Q(version__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["model", "key"], name="model_tag", condition=Q(version__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"

    def ledger_state(self) -> dict[str, Any]:
        return {
            "model": str(self.model_id),
            "version": str(self.version_id) if self.version_id else None,
            "key": self.key,
            "value": self.value,
        }


class Alias(Recorded):
    """A movable name for one version. Only `actions._move_alias` writes it; whether it is protected is asked
    of `registry.gates`, since environments live above."""

    ledger_type: ClassVar[str] = "registry.alias"
    model = models.ForeignKey(RegisteredModel, on_delete=models.RESTRICT, related_name="aliases")
    name = models.CharField(max_length=100)
    name_folded = models.CharField(max_length=130)
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="aliases")

    objects = OfModel.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["model", "name_folded"], name="alias_once_in_model")
        ]

    def __str__(self) -> str:
        return self.name

    def ledger_state(self) -> dict[str, Any]:
        return {"model": str(self.model_id), "name": self.name, "version": str(self.version_id)}


class AliasPeriod(models.Model):
    """When an alias pointed at a version: the history that as-of pages read. `entry` is the id of the ledger
    entry that opened the period."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.RESTRICT, related_name="alias_periods")
    name = models.CharField(max_length=100)
    name_folded = models.CharField(max_length=130)
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="alias_periods")
    during = DateTimeRangeField()
    alias = models.UUIDField()  # the row it was, also after that was deleted
    entry = models.UUIDField()

    objects = OfModel.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            ExclusionConstraint(
                name="alias_one_version_at_a_time",
                expressions=[
                    ("model", RangeOperators.EQUAL),
                    ("name_folded", RangeOperators.EQUAL),
                    ("during", RangeOperators.OVERLAPS),
                ],
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.version} {self.during}"


class UploadState(models.TextChoices):
    """An open upload takes files; the others are final."""

    OPEN = "open"
    FINALISED = "finalised"
    ABANDONED = "abandoned"


class Upload(models.Model):
    """A version being uploaded step by step. No version exists until it is finalised, so no half version is
    ever visible. Upload rows are outside the one rule; finalising is the action."""

    id = models.UUIDField(primary_key=True)
    model = models.ForeignKey(RegisteredModel, on_delete=models.RESTRICT, related_name="uploads")
    metadata = models.JSONField(default=dict)  # what register_version will be called with
    declared = models.JSONField(default=list)  # [{"path", "size", "sha256"}] announced at open
    state = models.CharField(max_length=20, choices=UploadState.choices, default=UploadState.OPEN.value)
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, null=True, related_name="+")
    created_by_kind = models.CharField(max_length=10)
    created_by = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"upload {self.id}"


class UploadFile(models.Model):
    """A file that arrived for an open upload."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=500)
    blob = models.ForeignKey("blobs.Blob", on_delete=models.RESTRICT, related_name="+")

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["upload", "path"], name="upload_path_once")
        ]

    def __str__(self) -> str:
        return self.path
