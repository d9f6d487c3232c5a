"""REST: versions, their files and tags."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.conditions import editable
from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.blobs.multipart import METADATA, Parts, TakesParts, read_parts
from countersign.blobs.serving import serve_blob
from countersign.blobs.store import kept_or_discarded
from countersign.errors import Invalid
from countersign.permissions import Declared, Permission
from registry.rest import (
    ARCHIVED,
    FILE,
    FLAVOUR,
    KEY,
    NAME,
    NUMBER,
    TAG,
    by_archived,
    by_tag,
    checked,
    json_object,
)
from registry.versions import actions
from registry.versions.access import get_file, get_model, get_tag, get_version
from registry.versions.actions import ReceivedFile
from registry.versions.actions.locks import lock_version
from registry.versions.api import shapes
from registry.versions.api.models import READ_OR_REGISTER, one_or_none
from registry.versions.metadata import registration_of
from registry.versions.models import ModelVersion
from registry.versions.queries import versions_visible_to

MULTIPART: Any = {
    "multipart/form-data": {
        "type": "object",
        "required": ["metadata"],
        "properties": {
            "metadata": {
                "type": "string",
                "description": "JSON, see “Upload a model version”.",
            },
            "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
        },
        "description": "Every further part is a file: its path is the part's name, or the file name "
        "of a part called `file` or `files`.",
    }
}


def drawn(versions: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    """With what the serializer reads, in a fixed number of queries."""
    return versions.select_related("model", "parent").prefetch_related(
        "aliases", "tags", "contributors__user", "inputs__dataset_version__dataset"
    )


def version_body(version: ModelVersion) -> Any:
    """The body of one version as it is now."""
    return shapes.VersionSerializer(drawn(ModelVersion.objects.all()).get(pk=version.pk)).data


def version_path(version: ModelVersion) -> str:
    """Where a version is found."""
    return reverse("registry:api-version", args=[version.model.name, version.number])


def one_text(parts: Parts) -> str:
    """The text of the part `metadata`. Raises Invalid where it is not the only text, once."""
    names = [name for name, _ in parts.texts]
    if names != [METADATA]:
        extra = next((name for name in names if name != METADATA), None)
        said = (
            f"The part “{extra[:80]}” is text; give files a file name."
            if extra
            else "Send one part “metadata”."
        )
        raise Invalid(said, fields={"metadata": [said]}, code="bad_metadata")
    return parts.texts[0][1]


@extend_schema(parameters=[NAME])
class Versions(TakesParts, ActorAPIView):
    """The versions of a model."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(
        operation_id="versions_list",
        parameters=[FLAVOUR, TAG, ARCHIVED],
        responses=shapes.VersionSerializer(many=True),
    )
    def get(self, request: Request, name: str) -> Response:
        """Versions of a model, newest first."""
        model = get_model(self.actor, name)
        versions = versions_visible_to(self.actor).filter(model=model)
        versions = by_archived(by_tag(versions, request), request)
        if flavour := request.query_params.get("flavour"):
            versions = versions.filter(flavour=flavour)
        return self.page(drawn(versions), shapes.VersionSerializer)

    @extend_schema(
        operation_id="versions_create", request=MULTIPART, responses={201: shapes.VersionSerializer}
    )
    @idempotent
    def post(self, request: Request, name: str) -> Response:
        """Register a version: metadata and all files in one body. Larger models are uploaded step by step."""
        model = get_model(self.actor, name, Permission.REGISTER)
        parts = read_parts(request._request)
        with kept_or_discarded([part.incoming for _, part in parts.files]):
            registration = registration_of(json_object(one_text(parts)), model=model, actor=self.actor)
            files = [ReceivedFile(part.path, part.incoming) for _, part in parts.files]
            version = actions.register_version(model=model, files=files, actor=self.actor, **registration)
        return self.made(version_body(version), version_path(version))


@extend_schema(parameters=[NAME, NUMBER])
class OneVersion(ActorAPIView):
    """A version."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(operation_id="versions_get", responses=shapes.VersionSerializer)
    def get(self, request: Request, name: str, number: int) -> Response:
        """One version."""
        return Response(version_body(get_version(self.actor, name, number)))

    def as_it_stands(self, name: str, number: int) -> Any:
        """For conditions."""
        return version_body(lock_version(get_version(self.actor, name, number, Permission.REGISTER)))

    @extend_schema(
        operation_id="versions_update",
        request=shapes.DescriptionSerializer,
        responses=shapes.VersionSerializer,
    )
    @editable
    def patch(self, request: Request, name: str, number: int) -> Response:
        """Replace the description, the one thing that may change."""
        version = get_version(self.actor, name, number, Permission.REGISTER)
        data = checked(shapes.DescriptionSerializer, request)
        return Response(version_body(actions.update_version(version=version, actor=self.actor, **data)))


@extend_schema(parameters=[NAME, NUMBER])
class ArchiveVersion(ActorAPIView):
    """Taking a version out of use."""

    required_permission: ClassVar[Declared] = Permission.ARCHIVE

    @extend_schema(operation_id="versions_archive", request=None, responses=shapes.VersionSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Archive a version that is neither live nor under review and has no alias."""
        version = get_version(self.actor, name, number, Permission.ARCHIVE)
        return Response(version_body(actions.archive_version(version=version, actor=self.actor)))


@extend_schema(parameters=[NAME, NUMBER])
class RestoreVersion(ActorAPIView):
    """Bringing a version back."""

    required_permission: ClassVar[Declared] = Permission.ARCHIVE

    @extend_schema(operation_id="versions_restore", request=None, responses=shapes.VersionSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Restore an archived version."""
        version = get_version(self.actor, name, number, Permission.ARCHIVE)
        return Response(version_body(actions.restore_version(version=version, actor=self.actor)))


@extend_schema(parameters=[NAME, NUMBER])
class Manifest(ActorAPIView):
    """The files of a version."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="files_list", responses=shapes.ManifestSerializer)
    def get(self, request: Request, name: str, number: int) -> Response:
        """The manifest: path, size and SHA-256 of every file."""
        version = get_version(self.actor, name, number)
        body = {"digest": version.digest, "files": version.files.all()}
        return Response(shapes.ManifestSerializer(body).data)


@extend_schema(parameters=[NAME, NUMBER, FILE])
class File(ActorAPIView):
    """The bytes of a file."""

    required_permission: ClassVar[Declared] = Permission.DOWNLOAD

    @extend_schema(
        operation_id="files_get",
        parameters=[
            OpenApiParameter(
                "Range", str, OpenApiParameter.HEADER, description="One range, bytes=first-last."
            ),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="ETags: digests."),
        ],
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            (206, "application/octet-stream"): OpenApiTypes.BINARY,
            304: None,
        },
    )
    def get(self, request: Request, name: str, number: int, path: str) -> HttpResponseBase:
        """Download a file; its ETag is its SHA-256."""
        file = get_file(self.actor, name, number, path)
        return serve_blob(request._request, file.blob, file.path)


@extend_schema(parameters=[NAME, NUMBER, KEY])
class VersionTag(ActorAPIView):
    """A tag of a version."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(operation_id="versions_get_tag", responses=shapes.TagSerializer)
    def get(self, request: Request, name: str, number: int, key: str) -> Response:
        """One tag."""
        version = get_version(self.actor, name, number)
        return Response(shapes.TagSerializer(get_tag(version.model, key, version)).data)

    def as_it_stands(self, name: str, number: int, key: str) -> Any:
        """For conditions."""
        version = lock_version(get_version(self.actor, name, number, Permission.REGISTER))
        return one_or_none(shapes.TagSerializer, partial(get_tag, version.model, key, version))

    @extend_schema(
        operation_id="versions_set_tag", request=shapes.TagValueSerializer, responses=shapes.TagSerializer
    )
    @editable
    def put(self, request: Request, name: str, number: int, key: str) -> Response:
        """Set a tag."""
        version = get_version(self.actor, name, number, Permission.REGISTER)
        data = checked(shapes.TagValueSerializer, request)
        tag = actions.set_tag(model=version.model, version=version, key=key, actor=self.actor, **data)
        return Response(shapes.TagSerializer(tag).data)

    @extend_schema(operation_id="versions_delete_tag", responses={204: None})
    @editable
    def delete(self, request: Request, name: str, number: int, key: str) -> Response:
        """Take a tag away."""
        version = get_version(self.actor, name, number, Permission.REGISTER)
        actions.delete_tag(model=version.model, version=version, key=key, actor=self.actor)
        return Response(status=204)
