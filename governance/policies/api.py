"""REST: policies, their revisions, and putting one in force."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.conditions import editable
from countersign.api.idempotency import idempotent
from countersign.api.pagination import Whole
from countersign.api.views import ActorAPIView
from countersign.permissions import Declared, Permission
from governance.policies.access import get_policy, get_revision
from governance.policies.actions import draft_revision, lock_policy, put_in_force, start_policy
from governance.policies.models import Policy, PolicyRevision
from governance.policies.queries import PolicyStanding, policies_with_standing, revisions_of, standing_of
from governance.policies.rules import document_of
from governance.policies.sentences import sentences, sign_off_sentence


class RevisionSerializer(serializers.ModelSerializer[PolicyRevision]):
    """One revision; `text` is the YAML byte for byte. Shipped ones have no author."""

    author = serializers.CharField(source="author.full_name", allow_null=True, default=None)
    approved_by = serializers.CharField(source="approved_by.full_name", allow_null=True, default=None)

    class Meta:
        model = PolicyRevision
        fields = (
            "number",
            "state",
            "digest",
            "text",
            "author",
            "approved_by",
            "created_at",
            "in_force_from",
            "in_force_until",
        )
        read_only_fields = fields


class PolicySerializer(serializers.Serializer[Any]):
    """A policy of one tier and environment; `in_force` is the number of the revision that binds, if any."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    risk_tier = serializers.CharField()
    environment = serializers.CharField()
    in_force = serializers.IntegerField(allow_null=True)
    drafts = serializers.ListField(child=serializers.IntegerField())


class RequirementSerializer(serializers.Serializer[Any]):
    """A rule in words, with the first and last line of the YAML it is made from."""

    id = serializers.CharField()
    sentence = serializers.CharField()
    lines = serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    severity = serializers.CharField()


class PolicyDetailSerializer(PolicySerializer):
    """The policy with its revisions, newest first, and what the one in force demands."""

    requirements = RequirementSerializer(many=True)
    sign_offs = serializers.ListField(child=serializers.CharField())
    revisions = RevisionSerializer(many=True)


class PolicyText(serializers.Serializer[Any]):
    """A policy's YAML."""

    text = serializers.CharField(trim_whitespace=False)


class PolicyListView(ActorAPIView):
    """All policies."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "POST": Permission.WRITE_POLICY}
    pagination_class = Whole

    @extend_schema(operation_id="policy_list", responses=PolicySerializer(many=True))
    def get(self, request: Request) -> Response:
        """By environment, then tier. What governs a model is no secret."""
        found = [_summary(one.policy) | _standing(one) for one in policies_with_standing(self.actor)]
        return self.page(found, PolicySerializer)

    @extend_schema(operation_id="policy_start", request=PolicyText, responses={201: PolicyDetailSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Begin the policy of a tier and an environment that have none, with its first draft."""
        drafted = start_policy(text=_text(request), actor=self.actor)
        path = reverse("governance:api-policy", args=[drafted.policy_id])
        return self.made(_detail(drafted.policy), path)


class PolicyView(ActorAPIView):
    """One policy."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="policy_get", responses=PolicyDetailSerializer)
    def get(self, request: Request, policy: UUID) -> Response:
        """With what it demands and every revision."""
        return Response(_detail(get_policy(self.actor, policy)))


class RevisionListView(ActorAPIView):
    """Revisions of a policy."""

    required_permission: ClassVar[Declared] = Permission.WRITE_POLICY

    def as_it_stands(self, policy: UUID) -> Any:
        """For conditions: the policy."""
        return _detail(lock_policy(get_policy(self.actor, policy, Permission.WRITE_POLICY)))

    @extend_schema(operation_id="policy_draft", request=PolicyText, responses={201: RevisionSerializer})
    @idempotent
    @editable
    def post(self, request: Request, policy: UUID) -> Response:
        """Draft the next revision; it binds nothing until another person puts it in force. `If-Match` is about the
        policy."""
        found = get_policy(self.actor, policy, Permission.WRITE_POLICY)
        drafted = draft_revision(policy=found, text=_text(request), actor=self.actor)
        return Response(RevisionSerializer(drafted).data, status=201)


class PutInForceView(ActorAPIView):
    """A draft becomes binding."""

    required_permission: ClassVar[Declared] = Permission.WRITE_POLICY

    def as_it_stands(self, policy: UUID, number: int) -> Any:
        """For conditions: the policy."""
        return _detail(lock_policy(get_policy(self.actor, policy, Permission.WRITE_POLICY)))

    @extend_schema(operation_id="policy_put_in_force", request=None, responses=RevisionSerializer)
    @editable
    def post(self, request: Request, policy: UUID, number: int) -> Response:
        """Put a draft in force. Its author may not. `If-Match` is about the policy."""
        revision = get_revision(self.actor, policy, number, Permission.WRITE_POLICY)
        return Response(RevisionSerializer(put_in_force(revision=revision, actor=self.actor)).data)


def _text(request: Request) -> str:
    given = PolicyText(data=request.data)
    given.is_valid(raise_exception=True)
    text: str = given.validated_data["text"]
    return text


def _summary(policy: Policy) -> dict[str, Any]:
    return {
        "id": policy.id,
        "name": policy.name,
        "risk_tier": policy.risk_tier,
        "environment": policy.environment.slug,
    }


def _standing(standing: PolicyStanding) -> dict[str, Any]:
    return {
        "in_force": standing.in_force.number if standing.in_force else None,
        "drafts": [draft.number for draft in standing.drafts],
    }


def _detail(policy: Policy) -> Any:
    standing = standing_of(policy)
    document = document_of(standing.in_force) if standing.in_force else None
    body = _summary(policy) | _standing(standing)
    body["revisions"] = list(revisions_of(policy))
    body["sign_offs"] = [sign_off_sentence(one) for one in document.sign_offs] if document else []
    body["requirements"] = [
        {"id": one.rule_id, "sentence": one.text, "lines": list(one.lines), "severity": one.severity}
        for one in (sentences(document) if document else [])
    ]
    return PolicyDetailSerializer(body).data
