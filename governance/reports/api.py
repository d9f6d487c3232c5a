"""REST: reports, what others measured of a version."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.blobs.multipart import TakesParts, read_parts
from countersign.blobs.serving import serve_blob
from countersign.blobs.storage import storage
from countersign.blobs.store import kept_or_discarded
from countersign.errors import Invalid, TooLarge
from countersign.permissions import Declared, Permission
from governance.reports.access import get_report
from governance.reports.actions import LIMIT, record_report
from governance.reports.models import Report
from governance.reports.queries import reports_visible_to
from governance.reports.reading import read_report
from governance.reports.views import file_name
from registry.rest import NAME, NUMBER
from registry.versions.access import get_version

REPORT = OpenApiParameter("report", int, OpenApiParameter.PATH, description="The report's number.")
REQUEST: Any = {
    "multipart/form-data": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {
                "type": "string",
                "format": "binary",
                "description": "An in-toto test result, JUnit XML, or results JSON of lm-evaluation-harness.",
            }
        },
    }
}


class ReportSerializer(serializers.ModelSerializer[Report]):
    """One report. `trust`: bound, it names this version's bytes by digest; reported, it names none."""

    model = serializers.CharField(source="version.model.name")
    version = serializers.IntegerField(source="version.number")
    digest = serializers.CharField(source="blob_id")
    summary = serializers.DictField()

    class Meta:
        model = Report
        fields = (
            "number",
            "model",
            "version",
            "kind",
            "result",
            "trust",
            "summary",
            "digest",
            "reporter_kind",
            "reporter_label",
            "created_at",
        )
        read_only_fields = fields


@extend_schema(parameters=[NAME, NUMBER])
class ReportsView(TakesParts, ActorAPIView):
    """Reports on a version."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "POST": Permission.EVALUATE}

    @extend_schema(operation_id="reports_list", responses=ReportSerializer(many=True))
    def get(self, request: Request, name: str, number: int) -> Response:
        """Newest first."""
        version = get_version(self.actor, name, number)
        return self.page(reports_visible_to(self.actor).filter(version=version), ReportSerializer)

    @extend_schema(operation_id="reports_create", request=REQUEST, responses={201: ReportSerializer})
    @idempotent
    def post(self, request: Request, name: str, number: int) -> Response:
        """Record a report; its form is told by its content."""
        version = get_version(self.actor, name, number, Permission.EVALUATE)
        parts = read_parts(request._request)
        with kept_or_discarded([part.incoming for _, part in parts.files]):
            if parts.texts or len(parts.files) != 1:
                raise Invalid("Send one part “file” and nothing else.", code="bad_multipart")
            incoming = parts.files[0][1].incoming
            if incoming.size > LIMIT:
                raise TooLarge(f"A report has at most {LIMIT:,} bytes; this one has {incoming.size:,}.")
            with storage().open(incoming.key) as file:
                summary = read_report(file.read())
            report = record_report(version=version, incoming=incoming, summary=summary, actor=self.actor)
        path = reverse("governance:api-report", args=[name, number, report.number])
        return self.made(ReportSerializer(report).data, path)


@extend_schema(parameters=[NAME, NUMBER, REPORT])
class ReportView(ActorAPIView):
    """One report."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="reports_get", responses=ReportSerializer)
    def get(self, request: Request, name: str, number: int, report: int) -> Response:
        """What it says, who brought it."""
        version = get_version(self.actor, name, number)
        return Response(ReportSerializer(get_report(self.actor, version, report)).data)


@extend_schema(parameters=[NAME, NUMBER, REPORT])
class ReportFileView(ActorAPIView):
    """The file of a report."""

    required_permission: ClassVar[Declared] = Permission.DOWNLOAD

    @extend_schema(
        operation_id="reports_download", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, name: str, number: int, report: int) -> HttpResponseBase:
        """As it came, byte for byte."""
        version = get_version(self.actor, name, number)
        found = get_report(self.actor, version, report, Permission.DOWNLOAD)
        return serve_blob(request._request, found.blob, file_name(found))
