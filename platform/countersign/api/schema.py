"""The OpenAPI document: every operation may answer with a problem, and creates take an Idempotency-Key."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema
from drf_spectacular.utils import Direction, OpenApiParameter
from rest_framework import serializers

from countersign.api.idempotency import HEADER
from countersign.api.problems import CONTENT_TYPE

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    type={"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
    location=OpenApiParameter.HEADER,
    description="Any text of yours, such as a UUID. The same request with the same key is done once.",
)


class ErrorSerializer(serializers.Serializer[Any]):
    """One thing that is wrong."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(
        allow_null=True, help_text="The field, with dots into what it holds; or null."
    )


class ReasonSerializer(serializers.Serializer[Any]):
    """One reason of a verdict."""

    code = serializers.CharField()
    message = serializers.CharField()
    state = serializers.CharField()
    looked_at = serializers.DictField(allow_null=True)


class ProblemSerializer(serializers.Serializer[Any]):
    """Every error (RFC 9457). `code` is stable and explained where `type` leads."""

    type = serializers.URLField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]  # a field of this name, not the errors of one
    reasons = ReasonSerializer(many=True)
    request_id = serializers.CharField(allow_null=True)


class AutoSchema(SpectacularAutoSchema):
    """One shape of error for all operations, as the response `default`."""

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if getattr(getattr(self.view, self.method.lower(), None), "idempotent", False):
            parameters.append(IDEMPOTENCY_KEY)
        return parameters

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction=direction)
        if direction == "response":
            responses["default"] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                ProblemSerializer, "default", media_types=[CONTENT_TYPE]
            )
        return responses
