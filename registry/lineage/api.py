"""REST: lineage of versions."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.permissions import Declared, Permission
from registry.lineage.actions import KINDS, add_lineage_edge
from registry.lineage.queries import lineage_digest, lineage_of
from registry.rest import NAME, NUMBER, checked
from registry.versions.access import get_version
from registry.versions.models import ModelVersion


class EdgeSerializer(serializers.Serializer[Any]):
    """One edge. `claim`: verified (by digest), observed or declared."""

    kind = serializers.CharField()
    name = serializers.CharField()
    reference = serializers.CharField()
    digest = serializers.CharField()
    claim = serializers.CharField()
    context = serializers.CharField()  # type: ignore[assignment]  # a field of the body, not DRF's attribute
    direction = serializers.ChoiceField(choices=["upstream", "downstream"])


class LineageSerializer(serializers.Serializer[Any]):
    """What a version came from and what came of it; `digest` is of the upstream edges, as reviews sign
    them."""

    digest = serializers.CharField()
    edges = EdgeSerializer(many=True)


class NewEdgeSerializer(serializers.Serializer[Any]):
    """A declared edge."""

    kind = serializers.ChoiceField(choices=list(KINDS))
    name = serializers.CharField()
    reference = serializers.CharField(required=False, allow_blank=True, default="")
    digest = serializers.CharField(required=False, allow_blank=True, default="")


@extend_schema(parameters=[NAME, NUMBER])
class Lineage(ActorAPIView):
    """The lineage of a version."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "POST": Permission.REGISTER}

    @extend_schema(operation_id="lineage_get", responses=LineageSerializer)
    def get(self, request: Request, name: str, number: int) -> Response:
        """Every edge of a version."""
        return Response(self._body(get_version(self.actor, name, number)))

    @extend_schema(operation_id="lineage_add", request=NewEdgeSerializer, responses={201: LineageSerializer})
    @idempotent
    def post(self, request: Request, name: str, number: int) -> Response:
        """Declare what else a version came from. Edges are never changed or removed."""
        version = get_version(self.actor, name, number, Permission.REGISTER)
        add_lineage_edge(version=version, actor=self.actor, **checked(NewEdgeSerializer, request))
        return Response(self._body(version), status=201)

    def _body(self, version: ModelVersion) -> Any:
        edges = [edge.as_dict() for edge in lineage_of(version)]
        return LineageSerializer({"digest": lineage_digest(version), "edges": edges}).data
