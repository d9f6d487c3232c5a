"""REST: audit exports."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.blobs.serving import serve_blob
from countersign.errors import NotFound
from countersign.permissions import Declared, Permission
from governance.environments.queries import environment_of
from governance.export.access import get_export
from governance.export.actions import REASON_LIMIT, request_export
from governance.export.models import AuditExport
from governance.export.queries import exports_visible_to
from registry.versions.access import get_model


class ExportSerializer(serializers.ModelSerializer[AuditExport]):
    """One export; `verification` is what the offline verifier printed of the bundle before it was handed out."""

    model = serializers.CharField(source="model.name", allow_null=True, default=None)
    environment = serializers.CharField(source="environment.slug", allow_null=True, default=None)
    job = serializers.UUIDField(source="job_id")
    job_state = serializers.CharField(source="job.state")
    bundle_sha256 = serializers.CharField(source="blob_id", allow_null=True)
    bundle_size = serializers.IntegerField(source="blob.size", allow_null=True, default=None)

    class Meta:
        model = AuditExport
        fields = (
            "number",
            "model",
            "environment",
            "period_start",
            "period_end",
            "reason",
            "state",
            "job",
            "job_state",
            "failure",
            "bundle_sha256",
            "bundle_size",
            "entries",
            "checkpoint_size",
            "signed_by",
            "verification",
            "requested_by_label",
            "created_at",
            "finished_at",
        )
        read_only_fields = fields


class ExportInput(serializers.Serializer[Any]):
    """What is asked for: one model, one environment (its slug), or a period from `period_start` up to, not
    including, `period_end`."""

    model = serializers.CharField(max_length=200, required=False, allow_null=True, default=None)
    environment = serializers.CharField(max_length=60, required=False, allow_null=True, default=None)
    period_start = serializers.DateTimeField(required=False, allow_null=True, default=None)
    period_end = serializers.DateTimeField(required=False, allow_null=True, default=None)
    reason = serializers.CharField(max_length=REASON_LIMIT)


class ExportListView(ActorAPIView):
    """Audit exports you may take away."""

    required_permission: ClassVar[Declared] = Permission.EXPORT

    @extend_schema(
        operation_id="export_list",
        parameters=[OpenApiParameter("model", str, description="The name of a model.")],
        responses=ExportSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Newest first; `?model=` narrows it."""
        found = exports_visible_to(self.actor)
        if model := request.query_params.get("model"):
            found = found.filter(model__name=model)
        return self.page(found, ExportSerializer)

    @extend_schema(operation_id="export_request", request=ExportInput, responses={202: ExportSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for an export; follow its job. The reason is printed on the cover and kept in the ledger."""
        given = ExportInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        name = asked.pop("model")
        model = get_model(self.actor, name, Permission.EXPORT) if name else None
        slug = asked.pop("environment")
        environment = environment_of(slug) if slug else None
        export = request_export(model=model, environment=environment, actor=self.actor, **asked)
        return self.under_way(ExportSerializer(export).data, export.job_id)


class ExportView(ActorAPIView):
    """One export."""

    required_permission: ClassVar[Declared] = Permission.EXPORT

    @extend_schema(operation_id="export_get", responses=ExportSerializer)
    def get(self, request: Request, number: int) -> Response:
        """Its scope, state, digest, and what the verifier said."""
        return Response(ExportSerializer(get_export(self.actor, number)).data)


class BundleView(ActorAPIView):
    """The bundle of an export."""

    required_permission: ClassVar[Declared] = Permission.EXPORT

    @extend_schema(
        operation_id="export_bundle", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, number: int) -> HttpResponseBase:
        """The ZIP file; the ETag is its digest."""
        export = get_export(self.actor, number)
        if export.blob is None:
            raise NotFound(f"Audit export {number} has no bundle: it is {export.state}.", code="no_bundle")
        return serve_blob(request._request, export.blob, f"export-{number}.zip")
