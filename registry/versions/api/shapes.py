"""Bodies of the REST API of models and versions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from registry.versions.models import (
    Contributor,
    ManifestFile,
    ModelVersion,
    RegisteredModel,
    Upload,
    VersionInput,
)


class ModelSerializer(serializers.ModelSerializer[RegisteredModel]):
    """A registered model. `aliases` maps each name to the number of its version."""

    team = serializers.CharField(source="team.slug")
    aliases = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()

    class Meta:
        model = RegisteredModel
        fields = ("id", "name", "team", "description", "aliases", "tags", "created_at", "archived_at")
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
    def get_aliases(self, model: RegisteredModel) -> dict[str, int]:
        """Alias → number of the version."""
        return {alias.name: alias.version.number for alias in model.aliases.all()}

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_tags(self, model: RegisteredModel) -> dict[str, str]:
        """The model's own tags."""
        return {tag.key: tag.value for tag in model.tags.all() if tag.version_id is None}


class NewModelSerializer(serializers.Serializer[Any]):
    """What a model is registered with."""

    name = serializers.CharField(max_length=1_000, help_text="1 to 200 characters, without / and :.")
    team = serializers.CharField(max_length=100, help_text="The slug of the team that owns it.")
    description = serializers.CharField(required=False, allow_blank=True, default="")


class DescriptionSerializer(serializers.Serializer[Any]):
    """A description, in place of the one before."""

    description = serializers.CharField(allow_blank=True)


class NameSerializer(serializers.Serializer[Any]):
    """A name, in place of the one before."""

    name = serializers.CharField(max_length=1_000)


class TagValueSerializer(serializers.Serializer[Any]):
    """The value of a tag."""

    value = serializers.CharField(allow_blank=True, trim_whitespace=False)


class TagSerializer(serializers.Serializer[Any]):
    """A tag."""

    key = serializers.CharField()
    value = serializers.CharField()


class AliasTargetSerializer(serializers.Serializer[Any]):
    """The version an alias is to point at."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class AliasSerializer(serializers.Serializer[Any]):
    """An alias and the number of its version."""

    name = serializers.CharField()
    version = serializers.IntegerField(source="version.number")


class ContributorSerializer(serializers.ModelSerializer[Contributor]):
    """Somebody who made the version, and how we know; `user` is null for somebody unknown here."""

    user = serializers.CharField(source="user.username", default=None)

    class Meta:
        model = Contributor
        fields = ("user", "kind", "known_by", "service_account")
        read_only_fields = fields


class InputSerializer(serializers.ModelSerializer[VersionInput]):
    """Data the version learned from. `claim`: declared, observed (by its run) or verified (by digest)."""

    dataset = serializers.CharField(source="dataset_version.dataset.name")
    version = serializers.IntegerField(source="dataset_version.number")

    class Meta:
        model = VersionInput
        fields = ("dataset", "version", "context", "claim")
        read_only_fields = fields


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """A model version. `digest` is the SHA-256 of its manifest's canonical bytes."""

    model = serializers.CharField(source="model.name")
    parent = serializers.IntegerField(  # type: ignore[assignment]  # a field of the body, not DRF's attribute
        source="parent.number", default=None, allow_null=True
    )
    run = serializers.UUIDField(source="run_id", allow_null=True)
    created_by = serializers.CharField(source="created_by_label")
    aliases = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    contributors = ContributorSerializer(many=True)
    inputs = InputSerializer(many=True)
    signature = serializers.DictField()
    libraries = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = ModelVersion
        fields = (
            "id",
            "model",
            "number",
            "digest",
            "flavour",
            "entry_file",
            "size",
            "description",
            "signature",
            "libraries",
            "run",
            "parent",
            "inputs",
            "contributors",
            "aliases",
            "tags",
            "created_at",
            "created_by",
            "archived_at",
        )
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_aliases(self, version: ModelVersion) -> list[str]:
        """Names that point at it."""
        return sorted(alias.name for alias in version.aliases.all())

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_tags(self, version: ModelVersion) -> dict[str, str]:
        """Its own tags."""
        return {tag.key: tag.value for tag in version.tags.all()}


class FileSerializer(serializers.ModelSerializer[ManifestFile]):
    """One file of the manifest."""

    sha256 = serializers.CharField(source="blob_id")

    class Meta:
        model = ManifestFile
        fields = ("path", "size", "sha256")
        read_only_fields = fields


class ManifestSerializer(serializers.Serializer[Any]):
    """The manifest, and the digest of its canonical bytes (RFC 8785) without `digest`."""

    digest = serializers.CharField()
    files = FileSerializer(many=True)


class ArrivedFileSerializer(serializers.Serializer[Any]):
    """A file that arrived."""

    path = serializers.CharField()
    size = serializers.IntegerField(source="blob.size")
    sha256 = serializers.CharField(source="blob_id")


class UploadSerializer(serializers.ModelSerializer[Upload]):
    """An upload step by step: what was announced, what arrived, and the version it became."""

    model = serializers.CharField(source="model.name")
    announced = serializers.ListField(source="declared", child=serializers.DictField())
    arrived = ArrivedFileSerializer(source="files", many=True)
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)

    class Meta:
        model = Upload
        fields = ("id", "model", "state", "announced", "arrived", "version", "created_at", "expires_at")
        read_only_fields = fields


class NewUploadSerializer(serializers.Serializer[Any]):
    """What an upload is opened with."""

    model = serializers.CharField(max_length=1_000, help_text="The name of the registered model.")
    metadata = serializers.DictField(required=False, default=dict, help_text="See “Upload a model version”.")
