"""REST: the governance profile of a registered model."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.conditions import editable
from countersign.api.views import ActorAPIView
from countersign.errors import NotFound
from countersign.permissions import Declared, Permission
from governance.profiles.actions import TEXT_LIMIT, set_profile
from governance.profiles.models import ModelProfile, RiskTier
from governance.profiles.queries import profile_of
from registry.versions.access import get_model
from registry.versions.actions.locks import lock_model


class ProfileSerializer(serializers.ModelSerializer[ModelProfile]):
    """Risk tier and purpose."""

    model = serializers.CharField(source="model.name", read_only=True)

    class Meta:
        model = ModelProfile
        fields = ("model", "risk_tier", "purpose", "tier_reason", "updated_at")
        read_only_fields = fields


class ProfileInput(serializers.Serializer[Any]):
    """What is set."""

    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    purpose = serializers.CharField(max_length=TEXT_LIMIT)
    tier_reason = serializers.CharField(max_length=TEXT_LIMIT, required=False, default="", allow_blank=True)


class ProfileView(ActorAPIView):
    """The profile of one model."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "PUT": Permission.SET_PROFILE}

    @extend_schema(operation_id="profile_get", responses=ProfileSerializer)
    def get(self, request: Request, name: str) -> Response:
        """Risk tier and purpose of a model."""
        profile = profile_of(get_model(self.actor, name))
        if profile is None:
            raise NotFound(f"“{name}” has no risk tier yet. Set one with PUT.")
        return Response(ProfileSerializer(profile).data)

    def as_it_stands(self, name: str) -> Any:
        """For conditions."""
        profile = profile_of(lock_model(get_model(self.actor, name, Permission.SET_PROFILE)))
        return ProfileSerializer(profile).data if profile else None

    @extend_schema(operation_id="profile_set", request=ProfileInput, responses=ProfileSerializer)
    @editable
    def put(self, request: Request, name: str) -> Response:
        """Set risk tier and purpose. Lowering a tier is for compliance and needs a reason."""
        given = ProfileInput(data=request.data)
        given.is_valid(raise_exception=True)
        model = get_model(self.actor, name, Permission.SET_PROFILE)
        profile = set_profile(model=model, actor=self.actor, **given.validated_data)
        return Response(ProfileSerializer(profile).data)
