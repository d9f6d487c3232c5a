"""REST: evaluations and their evidence."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.blobs.multipart import METADATA, TakesParts, read_parts
from countersign.blobs.store import kept_or_discarded
from countersign.errors import Invalid, NotFound
from countersign.permissions import Declared, Permission
from governance.evaluation.access import get_evaluation
from governance.evaluation.actions import report_predictions, request_evaluation
from governance.evaluation.models import Evaluation
from governance.evaluation.queries import evaluations_visible_to
from registry.datasets.access import get_dataset_version
from registry.rest import NAME, NUMBER, json_object
from registry.versions.access import get_version


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    """One evaluation; `results` and `circumstances` are documents of their own, named by digest."""

    model = serializers.CharField(source="version.model.name")
    version = serializers.IntegerField(source="version.number")
    dataset = serializers.CharField(source="dataset_version.dataset.name")
    dataset_version = serializers.IntegerField(source="dataset_version.number")
    reported = serializers.CharField(
        source="reported_id",
        allow_null=True,
        help_text="The digest of the scores, where somebody brought them.",
    )
    job = serializers.UUIDField(source="job_id")
    job_state = serializers.CharField(source="job.state")

    class Meta:
        model = Evaluation
        fields = (
            "number",
            "model",
            "version",
            "dataset",
            "dataset_version",
            "suite",
            "suite_revision",
            "reported",
            "state",
            "job",
            "job_state",
            "failure_code",
            "failure",
            "failure_said",
            "results_digest",
            "circumstances_digest",
            "requested_by_label",
            "created_at",
            "finished_at",
        )
        read_only_fields = fields


class EvaluationInput(serializers.Serializer[Any]):
    """What is asked for."""

    model = serializers.CharField(max_length=200)
    version = serializers.IntegerField(min_value=1)
    dataset = serializers.CharField(max_length=200)
    dataset_version = serializers.IntegerField(min_value=1)
    suite = serializers.CharField(
        max_length=60,
        required=False,
        default="",
        allow_blank=True,
        help_text="Without it the default suite of the task the version's signature declares.",
    )


class EvaluationListView(ActorAPIView):
    """Evaluations of models you may see."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "POST": Permission.EVALUATE}

    @extend_schema(
        operation_id="evaluation_list",
        parameters=[
            OpenApiParameter("model", str, description="The name of a model."),
            OpenApiParameter("version", int, description="The number of a version."),
        ],
        responses=EvaluationSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Newest first; `?model=` and `?version=` narrow it."""
        found = evaluations_visible_to(self.actor).defer("results", "circumstances")
        if model := request.query_params.get("model"):
            found = found.filter(version__model__name=model)
        if (number := request.query_params.get("version", "")).isdigit():
            found = found.filter(version__number=int(number))
        return self.page(found, EvaluationSerializer)

    @extend_schema(
        operation_id="evaluation_request", request=EvaluationInput, responses={202: EvaluationSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for an evaluation; follow its job."""
        given = EvaluationInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        evaluation = request_evaluation(
            version=get_version(self.actor, asked["model"], asked["version"], Permission.EVALUATE),
            dataset_version=get_dataset_version(self.actor, asked["dataset"], asked["dataset_version"]),
            suite=asked["suite"],
            actor=self.actor,
        )
        return self.under_way(EvaluationSerializer(evaluation).data, evaluation.job_id)


class ReportedInput(serializers.Serializer[Any]):
    """On which data brought scores are measured."""

    dataset = serializers.CharField(max_length=200)
    dataset_version = serializers.IntegerField(min_value=1)
    suite = serializers.CharField(max_length=60, required=False, default="", allow_blank=True)


PREDICTIONS: Any = {
    "multipart/form-data": {
        "type": "object",
        "required": ["metadata", "file"],
        "properties": {
            "metadata": {
                "type": "string",
                "description": "JSON: dataset, dataset_version and, if wanted, suite.",
            },
            "file": {
                "type": "string",
                "format": "binary",
                "description": "Parquet or CSV: the data's row key, and score, prediction, or a column a class.",
            },
        },
    }
}


@extend_schema(parameters=[NAME, NUMBER])
class PredictionsView(TakesParts, ActorAPIView):
    """Scores of a version that were made elsewhere."""

    required_permission: ClassVar[Declared] = Permission.EVALUATE

    @extend_schema(
        operation_id="predictions_report", request=PREDICTIONS, responses={202: EvaluationSerializer}
    )
    @idempotent
    def post(self, request: Request, name: str, number: int) -> Response:
        """Have brought scores measured; follow the job. The evidence says that they are reported."""
        version = get_version(self.actor, name, number, Permission.EVALUATE)
        parts = read_parts(request._request)
        with kept_or_discarded([part.incoming for _, part in parts.files]):
            if [key for key, _ in parts.texts] != [METADATA] or len(parts.files) != 1:
                raise Invalid("Send one part “metadata” and one part “file”.", code="bad_metadata")
            given = ReportedInput(data=json_object(parts.texts[0][1]))
            given.is_valid(raise_exception=True)
            asked = given.validated_data
            evaluation = report_predictions(
                version=version,
                dataset_version=get_dataset_version(self.actor, asked["dataset"], asked["dataset_version"]),
                predictions=parts.files[0][1].incoming,
                suite=asked["suite"],
                actor=self.actor,
            )
        return self.under_way(EvaluationSerializer(evaluation).data, evaluation.job_id)


class EvaluationView(ActorAPIView):
    """One evaluation."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="evaluation_get", responses=EvaluationSerializer)
    def get(self, request: Request, number: int) -> Response:
        """State and digests."""
        return Response(EvaluationSerializer(get_evaluation(self.actor, number)).data)


class EvidenceView(ActorAPIView):
    """The evidence documents, byte for byte as their digests count them."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(
        operation_id="evidence_get",
        parameters=[OpenApiParameter("part", str, OpenApiParameter.PATH, enum=["results", "circumstances"])],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, number: int, part: str) -> HttpResponse:
        """`results` or `circumstances` as canonical JSON; the ETag is the digest."""
        evaluation = get_evaluation(self.actor, number)
        content, digest = (
            (evaluation.results, evaluation.results_digest)
            if part == "results"
            else (evaluation.circumstances, evaluation.circumstances_digest)
        )
        if content is None:
            raise NotFound(f"Evaluation {number} has no {part}: it is {evaluation.state}.")
        return HttpResponse(bytes(content), content_type="application/json", headers={"ETag": f'"{digest}"'})
