"""REST: the gate's answer, promotions and rollbacks."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.idempotency import idempotent
from countersign.api.schema import ReasonSerializer
from countersign.api.views import ActorAPIView
from countersign.permissions import Declared, Permission
from governance.environments.queries import environment_of
from governance.promotion.actions import promote, roll_back
from governance.promotion.models import Promotion
from governance.promotion.queries import gate_of, promotions_visible_to
from registry.versions.access import get_version


class GateSerializer(serializers.Serializer[Any]):
    """May this version become live there? Every reason why not; notes say what does not block."""

    allowed = serializers.BooleanField()
    reasons = ReasonSerializer(many=True)
    notes = ReasonSerializer(many=True)


class GateView(ActorAPIView):
    """The gate, for CI: `allowed` false comes with status 200, for the question was answered."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="gate_ask", responses=GateSerializer)
    def get(self, request: Request, name: str, number: int, slug: str) -> Response:
        """The same answer the page shows."""
        version = get_version(self.actor, name, number)
        gate = gate_of(version=version, environment=environment_of(slug))
        return Response(GateSerializer(gate.verdict.as_dict()).data)


class PromotionSerializer(serializers.ModelSerializer[Promotion]):
    """What was made live, where, by whom, on which approval."""

    model = serializers.CharField(source="version.model.name")
    version = serializers.IntegerField(source="version.number")
    environment = serializers.CharField(source="environment.slug")
    previous = serializers.IntegerField(source="previous.number", allow_null=True, default=None)
    review = serializers.IntegerField(source="review.number", allow_null=True, default=None)

    class Meta:
        model = Promotion
        fields = (
            "number",
            "kind",
            "model",
            "version",
            "environment",
            "previous",
            "review",
            "subject_digest",
            "reason",
            "promoted_by_label",
            "promoted_at",
        )
        read_only_fields = fields


class PromotionInput(serializers.Serializer[Any]):
    """What becomes live. `expected_live` guards against a promotion that came first (0: nothing is live)."""

    model = serializers.CharField(max_length=200)
    version = serializers.IntegerField(min_value=1)
    environment = serializers.SlugField()
    reason = serializers.CharField(max_length=20_000)
    kind = serializers.ChoiceField(choices=["promotion", "rollback"], required=False, default="promotion")
    expected_live = serializers.IntegerField(min_value=0, required=False, allow_null=True, default=None)


class PromotionListView(ActorAPIView):
    """Promotions of models you may see."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "POST": Permission.SEE}

    @extend_schema(
        operation_id="promotion_list",
        parameters=[
            OpenApiParameter("model", str, description="The name of a model."),
            OpenApiParameter("environment", str, description="The slug of an environment."),
        ],
        responses=PromotionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Newest first; `?model=` and `?environment=` narrow it."""
        found = promotions_visible_to(self.actor)
        if model := request.query_params.get("model"):
            found = found.filter(version__model__name=model)
        if environment := request.query_params.get("environment"):
            found = found.filter(environment__slug=environment)
        return self.page(found, PromotionSerializer)

    @extend_schema(
        operation_id="promotion_make", request=PromotionInput, responses={201: PromotionSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Promote, or roll back to a version that was live there. A refusal lists every reason."""
        given = PromotionInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        version = get_version(self.actor, asked["model"], asked["version"])
        environment = environment_of(asked["environment"])
        make_live = roll_back if asked["kind"] == "rollback" else promote
        promotion = make_live(
            version=version,
            environment=environment,
            reason=asked["reason"],
            expected_live=asked["expected_live"],
            actor=self.actor,
        )
        return Response(PromotionSerializer(promotion).data, status=201)
