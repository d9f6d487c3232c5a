"""REST: uploading a version step by step, for files of any size."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.blobs.bodies import announced_sha256, announced_size, body_blocks
from countersign.blobs.store import kept_or_discarded, receive
from countersign.errors import Invalid
from countersign.permissions import Declared, Permission
from registry.rest import FILE, checked
from registry.versions import actions
from registry.versions.access import get_model, get_upload
from registry.versions.actions.uploads import announced_file, refuse_closed
from registry.versions.api import shapes
from registry.versions.api.versions import version_body, version_path
from registry.versions.models import Upload
from registry.versions.paths import manifest_path

DIGESTS = [
    OpenApiParameter(
        "Content-SHA256", str, OpenApiParameter.HEADER, description="SHA-256 of the body, hexadecimal."
    ),
    OpenApiParameter("Content-Digest", str, OpenApiParameter.HEADER, description="The same by RFC 9530."),
    OpenApiParameter("sha256", str, description="The same in the URL."),
]


def upload_body(upload: Upload) -> Any:
    """The body of one upload as it is now."""
    rows = Upload.objects.select_related("model", "version").prefetch_related("files__blob")
    return shapes.UploadSerializer(rows.get(pk=upload.pk)).data


class Uploads(ActorAPIView):
    """Uploads step by step."""

    required_permission: ClassVar[Declared] = Permission.REGISTER

    @extend_schema(
        operation_id="uploads_create",
        request=shapes.NewUploadSerializer,
        responses={201: shapes.UploadSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Open an upload. 507 at once where the announced files do not fit."""
        data = checked(shapes.NewUploadSerializer, request)
        model = get_model(self.actor, data["model"], Permission.REGISTER)
        upload = actions.open_upload(model=model, metadata=data["metadata"], actor=self.actor)
        return self.made(upload_body(upload), reverse("registry:api-upload", args=[upload.pk]))


class OneUpload(ActorAPIView):
    """An upload."""

    required_permission: ClassVar[Declared] = Permission.REGISTER

    @extend_schema(operation_id="uploads_get", responses=shapes.UploadSerializer)
    def get(self, request: Request, upload: UUID) -> Response:
        """What was announced and what arrived."""
        return Response(upload_body(get_upload(self.actor, upload)))

    @extend_schema(operation_id="uploads_abandon", responses={204: None})
    def delete(self, request: Request, upload: UUID) -> Response:
        """Give an upload up."""
        actions.abandon_upload(upload=get_upload(self.actor, upload), actor=self.actor)
        return Response(status=204)


@extend_schema(parameters=[FILE])
class UploadOneFile(ActorAPIView):
    """A file of an upload."""

    required_permission: ClassVar[Declared] = Permission.REGISTER

    @extend_schema(
        operation_id="uploads_put_file",
        parameters=DIGESTS,
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={201: shapes.ArrivedFileSerializer},
    )
    def put(self, request: Request, upload: UUID, path: str) -> Response:
        """Send the bytes of a file as the body. Its SHA-256 is announced here or when the upload was opened:
        without it, a body that was cut could be taken for whole."""
        found = get_upload(self.actor, upload)
        refuse_closed(found)
        path = manifest_path(path)
        announced = announced_file(found, path)
        said = announced_sha256(request._request)
        sha256 = said or (announced.sha256 if announced else None)
        if sha256 is None:
            sentence = (
                "Announce the SHA-256 of the file, by the header Content-SHA256 or when the upload is opened."
            )
            raise Invalid(sentence, fields={"sha256": [sentence]}, code="digest_needed")
        size = announced.size if announced else announced_size(request._request)
        incoming = receive(
            body_blocks(request._request), size=size, expected_sha256=sha256, limit=settings.BLOB_SIZE_LIMIT
        )
        with kept_or_discarded([incoming]):
            file = actions.put_file(upload=found, path=path, incoming=incoming, actor=self.actor)
        return Response(shapes.ArrivedFileSerializer(file).data, status=201)


class FinaliseUpload(ActorAPIView):
    """The end of an upload."""

    required_permission: ClassVar[Declared] = Permission.REGISTER

    @extend_schema(operation_id="uploads_finalise", request=None, responses={201: shapes.VersionSerializer})
    @idempotent
    def post(self, request: Request, upload: UUID) -> Response:
        """Register the version from the files that arrived. Asking twice gives the same version."""
        version = actions.finalise_upload(upload=get_upload(self.actor, upload), actor=self.actor)
        return self.made(version_body(version), version_path(version))
