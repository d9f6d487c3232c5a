"""REST: the paired differences of two versions."""

from __future__ import annotations

from typing import Any, ClassVar

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.views import ActorAPIView
from countersign.errors import Invalid, NotFound
from countersign.permissions import Declared, Permission
from governance.comparisons.actions import request_comparison
from governance.comparisons.queries import comparison_of, newest_pair, why_not_paired
from governance.evaluation.models import Evaluation
from registry.versions.access import get_version


class ComparisonSerializer(serializers.Serializer[Any]):
    """The evaluations that were paired, and the document; `job` is where it is measured while it is not there."""

    evaluation = serializers.IntegerField()
    against = serializers.IntegerField()
    digest = serializers.CharField(allow_null=True)
    document = serializers.DictField(allow_null=True)
    job = serializers.CharField(allow_null=True)


class ComparisonView(ActorAPIView):
    """A version against another of its model, on the same rows."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "POST": Permission.EVALUATE}

    @extend_schema(operation_id="comparisons_get", responses=ComparisonSerializer)
    def get(self, request: Request, name: str, number: int, other: int) -> Response:
        """The recorded differences of the newest evidence of both on the same rows. 404 until they are measured."""
        evaluation, against = self._pair(name, number, other)
        comparison = comparison_of(evaluation, against)
        if comparison is None:
            raise NotFound("These two were not compared yet. POST here to measure their differences.")
        return Response(
            {
                "evaluation": evaluation.number,
                "against": against.number,
                "digest": comparison.digest,
                "document": comparison.differences,
                "job": None,
            }
        )

    @extend_schema(
        operation_id="comparisons_create",
        request=None,
        responses={200: ComparisonSerializer, 202: ComparisonSerializer},
    )
    def post(self, request: Request, name: str, number: int, other: int) -> Response:
        """Measure the differences: 202 with the job, or 200 with what was measured before."""
        evaluation, against = self._pair(name, number, other)
        job = request_comparison(evaluation=evaluation, against=against, actor=self.actor)
        if job is None:
            return self.get(request, name, number, other)
        body = {
            "evaluation": evaluation.number,
            "against": against.number,
            "digest": None,
            "document": None,
            "job": str(job.id),
        }
        return Response(body, status=202, headers={"Location": reverse("jobs:api-job", args=[job.id])})

    def _pair(self, name: str, number: int, other: int) -> tuple[Evaluation, Evaluation]:
        version, old = (get_version(self.actor, name, one) for one in (number, other))
        evaluation, against = newest_pair(version, old)
        if evaluation is None or against is None:
            missing = version if evaluation is None else old
            raise Invalid(f"{missing} has no evidence yet.", code="not_comparable")
        if reason := why_not_paired(evaluation, against):
            raise Invalid(reason, code="not_comparable")
        return evaluation, against
