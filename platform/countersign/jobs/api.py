"""REST: jobs, their progress, cancel and retry."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.views import ActorAPIView
from countersign.jobs.access import get_job, get_job_to_steer
from countersign.jobs.actions import cancel_job, retry_job
from countersign.jobs.handlers import title_of
from countersign.jobs.models import Job
from countersign.jobs.queries import jobs_visible_to
from countersign.permissions import Declared


class StepSerializer(serializers.Serializer[Any]):
    """One step with its times."""

    name = serializers.CharField()
    detail = serializers.CharField()
    state = serializers.CharField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class JobSerializer(serializers.ModelSerializer[Job]):
    """A job: state, progress from 0 to 1, steps, a readable failure, and its result."""

    title = serializers.SerializerMethodField()
    steps = StepSerializer(many=True)
    result = serializers.DictField(allow_null=True)

    class Meta:
        model = Job
        fields = (
            "id",
            "kind",
            "title",
            "state",
            "progress",
            "message",
            "steps",
            "failure_code",
            "failure",
            "result",
            "attempts",
            "actor_label",
            "created_at",
            "started_at",
            "ended_at",
        )
        read_only_fields = fields

    def get_title(self, job: Job) -> str:
        """How people call it."""
        return title_of(job.kind)


class JobListView(ActorAPIView):
    """Your jobs and those of your teams."""

    required_permission: ClassVar[Declared] = None

    @extend_schema(
        operation_id="job_list",
        parameters=[
            OpenApiParameter("state", str, description="How it stands."),
            OpenApiParameter("kind", str, description="What it does."),
        ],
        responses=JobSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Newest first; `?state=` and `?kind=` narrow it."""
        found = jobs_visible_to(self.actor)
        for name in ("state", "kind"):
            if value := request.query_params.get(name):
                found = found.filter(**{name: value})
        return self.page(found, JobSerializer)


class JobView(ActorAPIView):
    """One job."""

    required_permission: ClassVar[Declared] = None

    @extend_schema(operation_id="job_get", responses=JobSerializer)
    def get(self, request: Request, job: UUID) -> Response:
        """Poll it until `state` is succeeded, failed or cancelled."""
        return Response(JobSerializer(get_job(self.actor, job)).data)


class JobCancelView(ActorAPIView):
    """End a job."""

    required_permission: ClassVar[Declared] = None

    @extend_schema(operation_id="job_cancel", request=None, responses={202: JobSerializer})
    def post(self, request: Request, job: UUID) -> Response:
        """A queued job ends at once, a running one within two seconds."""
        found = get_job_to_steer(self.actor, job)
        return self.under_way(JobSerializer(cancel_job(job=found, actor=self.actor)).data, found.pk)


class JobRetryView(ActorAPIView):
    """Run a failed job again."""

    required_permission: ClassVar[Declared] = None

    @extend_schema(operation_id="job_retry", request=None, responses={202: JobSerializer})
    def post(self, request: Request, job: UUID) -> Response:
        """With the same arguments, in your name."""
        found = get_job_to_steer(self.actor, job)
        retried = retry_job(job=found, actor=self.actor)
        return self.under_way(JobSerializer(retried).data, retried.pk)
