"""REST: environments."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.idempotency import idempotent
from countersign.api.pagination import Whole
from countersign.api.views import ActorAPIView
from countersign.permissions import Declared, Permission
from governance.environments.actions import create_environment
from governance.environments.models import Environment
from governance.environments.queries import environments_in_order


class EnvironmentSerializer(serializers.ModelSerializer[Environment]):
    """Where models live; the alias moves only by promotion."""

    class Meta:
        model = Environment
        fields = ("slug", "name", "position", "alias")
        extra_kwargs: ClassVar[dict[str, dict[str, object]]] = {"slug": {"validators": []}}


class EnvironmentListView(ActorAPIView):
    """All environments."""

    required_permission: ClassVar[Declared] = {"GET": None, "POST": Permission.SET_ENVIRONMENT}
    pagination_class = Whole

    @extend_schema(operation_id="environment_list", responses=EnvironmentSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All environments in the order of a model's journey."""
        return self.page(environments_in_order(), EnvironmentSerializer)

    @extend_schema(
        operation_id="environment_create",
        request=EnvironmentSerializer,
        responses={201: EnvironmentSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Make an environment; its alias becomes protected in every model."""
        given = EnvironmentSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        environment = create_environment(actor=self.actor, **given.validated_data)
        return Response(EnvironmentSerializer(environment).data, status=201)
