"""REST: reviews, sign-offs, threads and remarks."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.accounts.reauthentication import confirm_password
from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.permissions import Declared, Permission
from governance.environments.queries import environment_of
from governance.reviews.access import get_review, get_thread
from governance.reviews.actions import (
    add_remark,
    answer_changes,
    open_thread,
    reopen_thread,
    request_review,
    resolve_thread,
    revoke_approval,
    sign_off,
    withdraw_review,
)
from governance.reviews.models import Decision, Remark, Review, SignOff, Thread
from governance.reviews.queries import reviews_visible_to, standing_of
from registry.versions.access import get_version


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """A review as lists show it."""

    model = serializers.CharField(source="version.model.name")
    version = serializers.IntegerField(source="version.number")
    environment = serializers.CharField(source="environment.slug")
    policy = serializers.CharField(source="policy_revision.policy.name")
    policy_revision = serializers.IntegerField(source="policy_revision.number")

    class Meta:
        model = Review
        fields = (
            "number",
            "model",
            "version",
            "environment",
            "state",
            "policy",
            "policy_revision",
            "reason",
            "due_on",
            "requested_by_label",
            "created_at",
            "decided_at",
        )
        read_only_fields = fields


class SignOffSerializer(serializers.ModelSerializer[SignOff]):
    """A signed decision: printed name, meaning, instant, and the subject it is bound to."""

    class Meta:
        model = SignOff
        fields = (
            "id",
            "decision",
            "meaning",
            "role",
            "printed_name",
            "subject_digest",
            "reason",
            "method",
            "reauthenticated_at",
            "signed_at",
        )
        read_only_fields = fields


class JudgedRequirementSerializer(serializers.Serializer[Any]):
    """One requirement of the policy and how it stands."""

    rule = serializers.CharField(source="rule_id")
    title = serializers.CharField()
    sentence = serializers.CharField()
    state = serializers.CharField()
    blocks = serializers.BooleanField()
    message = serializers.CharField()


class SlotSerializer(serializers.Serializer[Any]):
    """A required sign-off and who filled it on the present subject."""

    requirement = serializers.CharField(source="required.key")
    title = serializers.CharField(source="required.title")
    meaning = serializers.CharField(source="required.meaning")
    role = serializers.CharField(source="required.role")
    signed = SignOffSerializer(allow_null=True)
    stale = SignOffSerializer(many=True)


class StandingSerializer(serializers.Serializer[Any]):
    """Where a review stands now. `subject_digest` is what a sign-off must name as seen."""

    review = ReviewSerializer()
    subject_digest = serializers.CharField(source="subject.digest")
    subject_parts = serializers.DictField(source="subject.parts", child=serializers.CharField())
    subject = serializers.DictField(source="subject.document")
    stale = serializers.BooleanField()
    expired = serializers.BooleanField()
    requirements = JudgedRequirementSerializer(many=True)
    sign_offs = SlotSerializer(source="slots", many=True)


class RemarkSerializer(serializers.ModelSerializer[Remark]):
    """What somebody said, on the record; `thread` is the number of the thread it stands in."""

    thread = serializers.IntegerField(source="thread.number", allow_null=True, default=None, read_only=True)

    class Meta:
        model = Remark
        fields = ("id", "thread", "author_label", "anchor", "body", "created_at")
        read_only_fields = fields


class ThreadSerializer(serializers.ModelSerializer[Thread]):
    """What is said about one thing of the subject. `anchor` holds what that thing said when the thread began."""

    class Meta:
        model = Thread
        fields = ("number", "anchor_key", "anchor", "state", "opened_by_label", "created_at")
        read_only_fields = fields


class ReviewInput(serializers.Serializer[Any]):
    """What is asked for."""

    model = serializers.CharField(max_length=200)
    version = serializers.IntegerField(min_value=1)
    environment = serializers.SlugField()
    reason = serializers.CharField(max_length=20_000)
    due_on = serializers.DateField(required=False, allow_null=True, default=None)


class SignOffInput(serializers.Serializer[Any]):
    """A decision, and the password of the person who makes it: signing needs fresh proof, by API too."""

    requirement = serializers.CharField(max_length=60)
    decision = serializers.ChoiceField(choices=Decision.choices)
    subject_digest = serializers.CharField(max_length=64)
    reason = serializers.CharField(max_length=20_000)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)


class ReasonInput(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField(max_length=20_000)


class RemarkInput(serializers.Serializer[Any]):
    """What to say."""

    body = serializers.CharField(max_length=20_000)


class ThreadInput(RemarkInput):
    """What to say, and on what: `measure:NAME`, `requirement:ID`, `group:ATTRIBUTE=GROUP`, `section:ID`,
    `file:PATH`."""

    anchor = serializers.CharField(max_length=700)


class ReviewListView(ActorAPIView):
    """Reviews of models you may see."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "POST": Permission.REQUEST_REVIEW}

    @extend_schema(
        operation_id="review_list",
        parameters=[
            OpenApiParameter("state", str, description="How it stands."),
            OpenApiParameter("model", str, description="The name of a model."),
        ],
        responses=ReviewSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Newest first; `?state=`, `?model=` narrow it."""
        found = reviews_visible_to(self.actor)
        if state := request.query_params.get("state"):
            found = found.filter(state=state)
        if model := request.query_params.get("model"):
            found = found.filter(version__model__name=model)
        return self.page(found, ReviewSerializer)

    @extend_schema(operation_id="review_request", request=ReviewInput, responses={201: ReviewSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Ask for a version to be approved for an environment."""
        given = ReviewInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        review = request_review(
            version=get_version(self.actor, asked["model"], asked["version"], Permission.REQUEST_REVIEW),
            environment=environment_of(asked["environment"]),
            reason=asked["reason"],
            due_on=asked["due_on"],
            actor=self.actor,
        )
        return self.made(ReviewSerializer(review).data, f"/api/v1/reviews/{review.number}")


class ReviewView(ActorAPIView):
    """One review and where it stands."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="review_get", responses=StandingSerializer)
    def get(self, request: Request, number: int) -> Response:
        """Requirements judged, sign-offs, and the digest of what would be signed now."""
        return Response(StandingSerializer(standing_of(get_review(self.actor, number))).data)


class SignOffView(ActorAPIView):
    """Signing by API: a person's token with the scope `sign`, and their password."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="review_sign_off", request=SignOffInput, responses={201: SignOffSerializer})
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        """Sign a decision, bound to the subject you saw (`subject_digest` of the review)."""
        given = SignOffInput(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        review = get_review(self.actor, number)
        signature = sign_off(
            review=review,
            requirement=asked["requirement"],
            decision=asked["decision"],
            seen_digest=asked["subject_digest"],
            reason=asked["reason"],
            reauthenticated_at=confirm_password(self.actor, asked["password"]),
            method="password",
            actor=self.actor,
        )
        return Response(SignOffSerializer(signature).data, status=201)


class RemarkListView(ActorAPIView):
    """The conversation of a review."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "POST": Permission.COMMENT}

    @extend_schema(operation_id="remark_list", responses=RemarkSerializer(many=True))
    def get(self, request: Request, number: int) -> Response:
        """Newest first."""
        review = get_review(self.actor, number)
        return self.page(Remark.objects.filter(review=review).select_related("thread"), RemarkSerializer)

    @extend_schema(operation_id="remark_add", request=RemarkInput, responses={201: RemarkSerializer})
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        """Say something about the whole, on the record."""
        given = RemarkInput(data=request.data)
        given.is_valid(raise_exception=True)
        review = get_review(self.actor, number, Permission.COMMENT)
        remark = add_remark(review=review, actor=self.actor, **given.validated_data)
        return Response(RemarkSerializer(remark).data, status=201)


class ThreadListView(ActorAPIView):
    """The threads of a review."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "POST": Permission.COMMENT}

    @extend_schema(operation_id="thread_list", responses=ThreadSerializer(many=True))
    def get(self, request: Request, number: int) -> Response:
        """Newest first."""
        return self.page(Thread.objects.filter(review=get_review(self.actor, number)), ThreadSerializer)

    @extend_schema(operation_id="thread_open", request=ThreadInput, responses={201: ThreadSerializer})
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        """Begin a thread on one thing of the subject as it is now, with its first remark."""
        given = ThreadInput(data=request.data)
        given.is_valid(raise_exception=True)
        review = get_review(self.actor, number, Permission.COMMENT)
        thread = open_thread(review=review, actor=self.actor, **given.validated_data)
        return Response(ThreadSerializer(thread).data, status=201)


class ThreadRemarkListView(ActorAPIView):
    """What was said in a thread."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "POST": Permission.COMMENT}

    @extend_schema(operation_id="thread_remark_list", responses=RemarkSerializer(many=True))
    def get(self, request: Request, number: int, thread: int) -> Response:
        """Newest first."""
        found = get_thread(self.actor, number, thread)
        return self.page(Remark.objects.filter(thread=found).select_related("thread"), RemarkSerializer)

    @extend_schema(operation_id="thread_reply", request=RemarkInput, responses={201: RemarkSerializer})
    @idempotent
    def post(self, request: Request, number: int, thread: int) -> Response:
        """Reply."""
        given = RemarkInput(data=request.data)
        given.is_valid(raise_exception=True)
        found = get_thread(self.actor, number, thread, Permission.COMMENT)
        remark = add_remark(review=found.review, thread=found, actor=self.actor, **given.validated_data)
        return Response(RemarkSerializer(remark).data, status=201)


class ResolveView(ActorAPIView):
    """Say that a thread is settled."""

    required_permission: ClassVar[Declared] = Permission.COMMENT

    @extend_schema(operation_id="thread_resolve", request=None, responses=ThreadSerializer)
    def post(self, request: Request, number: int, thread: int) -> Response:
        """Resolve it."""
        found = get_thread(self.actor, number, thread, Permission.COMMENT)
        return Response(ThreadSerializer(resolve_thread(thread=found, actor=self.actor)).data)


class ReopenView(ActorAPIView):
    """Say that a thread is not settled after all."""

    required_permission: ClassVar[Declared] = Permission.COMMENT

    @extend_schema(operation_id="thread_reopen", request=None, responses=ThreadSerializer)
    def post(self, request: Request, number: int, thread: int) -> Response:
        """Open it again."""
        found = get_thread(self.actor, number, thread, Permission.COMMENT)
        return Response(ThreadSerializer(reopen_thread(thread=found, actor=self.actor)).data)


class WithdrawView(ActorAPIView):
    """Take a live review back."""

    required_permission: ClassVar[Declared] = Permission.REQUEST_REVIEW

    @extend_schema(operation_id="review_withdraw", request=ReasonInput, responses=ReviewSerializer)
    def post(self, request: Request, number: int) -> Response:
        """Withdraw it, with the reason."""
        given = ReasonInput(data=request.data)
        given.is_valid(raise_exception=True)
        review = get_review(self.actor, number, Permission.REQUEST_REVIEW)
        withdrawn = withdraw_review(review=review, actor=self.actor, **given.validated_data)
        return Response(ReviewSerializer(withdrawn).data)


class AnswerView(ActorAPIView):
    """Say that requested changes are made."""

    required_permission: ClassVar[Declared] = Permission.REQUEST_REVIEW

    @extend_schema(operation_id="review_answer", request=None, responses=ReviewSerializer)
    def post(self, request: Request, number: int) -> Response:
        """Open it again."""
        review = get_review(self.actor, number, Permission.REQUEST_REVIEW)
        return Response(ReviewSerializer(answer_changes(review=review, actor=self.actor)).data)


class RevokeView(ActorAPIView):
    """Take an approval away."""

    required_permission: ClassVar[Declared] = Permission.REVOKE_APPROVAL

    @extend_schema(operation_id="review_revoke", request=ReasonInput, responses=ReviewSerializer)
    def post(self, request: Request, number: int) -> Response:
        """Revoke it, with the reason; what is live stays live until somebody rolls back."""
        given = ReasonInput(data=request.data)
        given.is_valid(raise_exception=True)
        review = get_review(self.actor, number, Permission.REVOKE_APPROVAL)
        return Response(
            ReviewSerializer(revoke_approval(review=review, actor=self.actor, **given.validated_data)).data
        )
