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
from governance.policies.actions import (
    discard_draft,
    draft_revision,
    lock_policy,
    put_in_force,
    start_policy,
)
from governance.policies.dry_run import Under, dry_run
from governance.policies.models import Policy, PolicyRevision
from governance.policies.queries import PolicyStanding, policies_with_standing, revisions_of, standing_of
from governance.policies.rules import document_of
from governance.policies.sentences import sentences, sign_off_sentence


class RevisionSerializer(serializers.ModelSerializer[PolicyRevision]):
    """One revision; `text` is the YAML byte for byte. Shipped ones have no author."""

    author = serializers.CharField(source="author.full_name", allow_null=True, default=None)
    approved_by = serializers.CharField(source="approved_by.full_name", allow_null=True, default=None)
    discarded_by = serializers.CharField(source="discarded_by.full_name", allow_null=True, default=None)

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
            "discarded_by",
            "discarded_at",
            "discard_reason",
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


class DraftInput(PolicyText):
    """A policy's YAML, and the draft it takes the place of."""

    replaces = serializers.IntegerField(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        allow_null=True,
        help_text="The draft this one is an edit of: it is discarded with the same act.",
    )


class DiscardInput(serializers.Serializer[Any]):
    """Why a draft goes no further."""

    reason = serializers.CharField()


class UnderSerializer(serializers.Serializer[Any]):
    """How a version stands under one revision, on present evidence and card; sign-offs are another matter."""

    allowed = serializers.BooleanField()
    refusing = serializers.ListField(
        child=serializers.CharField(), help_text="ids of the requirements that refuse it"
    )


class JudgedSerializer(serializers.Serializer[Any]):
    """One version of a governed model."""

    model = serializers.CharField()
    version = serializers.IntegerField()
    live = serializers.BooleanField(help_text="it is what runs in the environment now")
    in_force = UnderSerializer(allow_null=True)
    revision = UnderSerializer()


class DryRunSerializer(serializers.Serializer[Any]):
    """What a revision would answer for the models its policy governs, beside what is in force. `more`: there are
    models beyond those judged."""

    revision = serializers.IntegerField()
    in_force = serializers.IntegerField(allow_null=True)
    summary = serializers.CharField()
    newly_refused = serializers.IntegerField()
    newly_allowed = serializers.IntegerField()
    versions = JudgedSerializer(many=True)
    more = serializers.BooleanField()


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

    @extend_schema(operation_id="policy_draft", request=DraftInput, responses={201: RevisionSerializer})
    @idempotent
    @editable
    def post(self, request: Request, policy: UUID) -> Response:
        """Draft the next revision; it binds nothing until another person puts it in force. `If-Match` is about the
        policy."""
        given = DraftInput(data=request.data)
        given.is_valid(raise_exception=True)
        found = get_policy(self.actor, policy, Permission.WRITE_POLICY)
        number = given.validated_data.get("replaces")
        drafted = draft_revision(
            policy=found,
            text=given.validated_data["text"],
            actor=self.actor,
            replaces=get_revision(self.actor, policy, number) if number else None,
        )
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


class DiscardView(ActorAPIView):
    """A draft goes no further."""

    required_permission: ClassVar[Declared] = Permission.WRITE_POLICY

    @extend_schema(operation_id="policy_discard", request=DiscardInput, responses=RevisionSerializer)
    def post(self, request: Request, policy: UUID, number: int) -> Response:
        """Discard a draft, one's own or another's. Its text and number stay on record."""
        given = DiscardInput(data=request.data)
        given.is_valid(raise_exception=True)
        revision = get_revision(self.actor, policy, number, Permission.WRITE_POLICY)
        reason: str = given.validated_data["reason"]
        discarded = discard_draft(revision=revision, reason=reason, actor=self.actor)
        return Response(RevisionSerializer(discarded).data)


class DryRunView(ActorAPIView):
    """What a revision would answer."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="policy_dry_run", responses=DryRunSerializer)
    def get(self, request: Request, policy: UUID, number: int) -> Response:
        """The models you may see, judged under this revision and under the one in force, on the evidence and cards
        of now. Nothing changes by it."""
        revision = get_revision(self.actor, policy, number)
        in_force = standing_of(revision.policy).in_force
        run = dry_run(actor=self.actor, policy=revision.policy, in_force=in_force, draft=revision)
        body = {
            "revision": revision.number,
            "in_force": in_force.number if in_force else None,
            "summary": run.sentence,
            "newly_refused": len(run.newly_refused),
            "newly_allowed": len(run.newly_allowed),
            "versions": [
                {
                    "model": model.model.name,
                    "version": judged.version.number,
                    "live": judged is model.live,
                    "in_force": _under(judged.now),
                    "revision": _under(judged.then),
                }
                for model in run.models
                for judged in (model.live, model.newest)
                if judged
            ],
            "more": run.more,
        }
        return Response(DryRunSerializer(body).data)


def _under(under: Under | None) -> dict[str, Any] | None:
    if under is None:
        return None
    return {"allowed": under.allowed, "refusing": [one.rule_id for one in under.blocking]}


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
