"""The OpenAPI document: every operation may answer with a problem, creates take an Idempotency-Key, reads and edits
conditions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema
from drf_spectacular.utils import Direction, OpenApiParameter
from rest_framework import serializers

from countersign.api.conditions import IF_MATCH, IF_NONE_MATCH, is_editable
from countersign.api.idempotency import HEADER
from countersign.api.problems import CONTENT_TYPE

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    type={"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
    location=OpenApiParameter.HEADER,
    description="Any text of yours, such as a UUID. The same request with the same key is done once.",
)
_ETAGS = {"type": "string", "pattern": '^(\\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$'}
READ_CONDITION = OpenApiParameter(
    IF_NONE_MATCH,
    type=_ETAGS,
    location=OpenApiParameter.HEADER,
    description="ETags you have: 304 if one is right.",
)
EDIT_CONDITIONS = [
    OpenApiParameter(
        IF_MATCH,
        type=_ETAGS,
        location=OpenApiParameter.HEADER,
        description="The ETag you read: 412 where somebody changed it since.",
    ),
    OpenApiParameter(
        IF_NONE_MATCH,
        type={"type": "string", "enum": ["*"]},
        location=OpenApiParameter.HEADER,
        description="*: 412 where it exists already.",
    ),
]


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
        if is_editable(self.view, self.method):
            parameters += EDIT_CONDITIONS
        if self.method == "GET" and not any(
            isinstance(one, OpenApiParameter) and one.name == IF_NONE_MATCH for one in parameters
        ):
            parameters.append(READ_CONDITION)
        return parameters

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction=direction)
        if direction == "response":
            if self.method == "GET":
                responses.setdefault("304", {"description": "You have it: nothing changed."})
            responses["default"] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                ProblemSerializer, "default", media_types=[CONTENT_TYPE]
            )
        return responses
