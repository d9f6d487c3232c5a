"""REST: experiments and runs."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.accounts.access import get_team
from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.errors import Invalid
from countersign.permissions import Declared, Permission
from registry.datasets.access import get_dataset_version
from registry.rest import CONTAINS, TEAM, by_name, checked
from registry.runs.access import get_experiment, get_run
from registry.runs.actions import Source, create_experiment, end_run, log_run, start_run
from registry.runs.models import Experiment, Run, RunInput, RunState
from registry.runs.queries import experiments_visible_to, latest_metrics, runs_visible_to
from registry.runs.telemetry import ReadDataset, metrics_of, parameters_of

READ_OR_REGISTER: Declared = {"GET": Permission.SEE, "POST": Permission.REGISTER}


class ExperimentSerializer(serializers.ModelSerializer[Experiment]):
    """A named group of runs."""

    team = serializers.CharField(source="team.slug")

    class Meta:
        model = Experiment
        fields = ("id", "name", "team", "created_at")
        read_only_fields = fields


class NewExperimentSerializer(serializers.Serializer[Any]):
    """What an experiment is created with."""

    name = serializers.CharField(max_length=1_000)
    team = serializers.CharField(max_length=100)


class RunInputSerializer(serializers.ModelSerializer[RunInput]):
    """Data the run read."""

    dataset = serializers.CharField(source="dataset_version.dataset.name")
    version = serializers.IntegerField(source="dataset_version.number")

    class Meta:
        model = RunInput
        fields = ("dataset", "version", "context")
        read_only_fields = fields


class RunSerializer(serializers.ModelSerializer[Run]):
    """A run. `telemetry_digest` seals what it recorded, once it has ended."""

    experiment = serializers.CharField(source="experiment.name")

    class Meta:
        model = Run
        fields = (
            "id",
            "experiment",
            "name",
            "state",
            "source_repository",
            "source_commit",
            "source_clean",
            "started_at",
            "ended_at",
            "telemetry_digest",
        )
        read_only_fields = fields


class WholeRunSerializer(RunSerializer):
    """A run with what it recorded. `metrics` are the last values; NaN and infinities are text."""

    parameters = serializers.SerializerMethodField()
    metrics = serializers.SerializerMethodField()
    inputs = RunInputSerializer(many=True)

    class Meta:
        model = Run
        fields = (*RunSerializer.Meta.fields, "parameters", "metrics", "inputs")
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_parameters(self, run: Run) -> dict[str, str]:
        """Key → value."""
        return dict(run.parameters.order_by("key").values_list("key", "value"))

    @extend_schema_field({"type": "object", "additionalProperties": {"type": ["number", "string"]}})
    def get_metrics(self, run: Run) -> dict[str, float | str]:
        """Key → last value."""
        words = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
        return {key: words.get(repr(value), value) for key, value in latest_metrics(run).items()}


class NewRunSerializer(serializers.Serializer[Any]):
    """What a run is started with."""

    experiment = serializers.CharField(max_length=1_000)
    name = serializers.CharField(required=False, allow_blank=True, default="")
    source_repository = serializers.CharField(required=False, allow_blank=True, default="")
    source_commit = serializers.CharField(required=False, allow_blank=True, default="")
    source_clean = serializers.BooleanField(required=False, allow_null=True, default=None)


class MetricSerializer(serializers.Serializer[Any]):
    """One value; a plain object of key → number is taken as well."""

    key = serializers.CharField()
    value = serializers.FloatField()
    step = serializers.IntegerField(required=False)
    recorded_at = serializers.DateTimeField(required=False)


class ReadInputSerializer(serializers.Serializer[Any]):
    """Data the run read."""

    dataset = serializers.CharField()
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    context = serializers.CharField(  # type: ignore[assignment]  # a field of the body
        required=False, default="training"
    )


class LogSerializer(serializers.Serializer[Any]):
    """At most 1,000 of each at once."""

    parameters = serializers.DictField(child=serializers.CharField(), required=False)
    metrics = MetricSerializer(many=True, required=False)
    inputs = ReadInputSerializer(many=True, required=False)


class EndSerializer(serializers.Serializer[Any]):
    """How the run ended."""

    state = serializers.ChoiceField(choices=["finished", "failed"], required=False, default="finished")


class Experiments(ActorAPIView):
    """Experiments."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(
        operation_id="experiments_list",
        parameters=[CONTAINS, TEAM],
        responses=ExperimentSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Experiments you may see, newest first."""
        return self.page(by_name(experiments_visible_to(self.actor), request), ExperimentSerializer)

    @extend_schema(
        operation_id="experiments_create",
        request=NewExperimentSerializer,
        responses={201: ExperimentSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create an experiment."""
        data = checked(NewExperimentSerializer, request)
        team = get_team(self.actor, data["team"], Permission.REGISTER)
        experiment = create_experiment(name=data["name"], team=team, actor=self.actor)
        return Response(ExperimentSerializer(experiment).data, status=201)


class Runs(ActorAPIView):
    """Runs."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(
        operation_id="runs_list",
        parameters=[OpenApiParameter("experiment", str, description="The experiment's name.")],
        responses=RunSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Runs you may see, newest first."""
        runs = runs_visible_to(self.actor)
        if name := request.query_params.get("experiment"):
            runs = runs.filter(experiment=get_experiment(self.actor, name))
        return self.page(runs, RunSerializer)

    @extend_schema(operation_id="runs_start", request=NewRunSerializer, responses={201: RunSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Start a run."""
        data = checked(NewRunSerializer, request)
        experiment = get_experiment(self.actor, data["experiment"], Permission.REGISTER)
        source = Source(data["source_repository"], data["source_commit"], data["source_clean"])
        run = start_run(experiment=experiment, name=data["name"], source=source, actor=self.actor)
        return self.made(RunSerializer(run).data, reverse("registry:api-run", args=[run.pk]))


class OneRun(ActorAPIView):
    """A run."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="runs_get", responses=WholeRunSerializer)
    def get(self, request: Request, run: UUID) -> Response:
        """One run with what it recorded."""
        return Response(WholeRunSerializer(get_run(self.actor, run)).data)


class LogRun(ActorAPIView):
    """What a run records."""

    required_permission: ClassVar[Declared] = Permission.REGISTER

    @extend_schema(operation_id="runs_log", request=LogSerializer, responses={204: None})
    def post(self, request: Request, run: UUID) -> Response:
        """Add parameters, metrics and inputs, all or none. Parameters never change."""
        found = get_run(self.actor, run, Permission.REGISTER)
        if not isinstance(request.data, dict) or (
            unknown := sorted(set(request.data) - {"parameters", "metrics", "inputs"})
        ):
            named = f" Unknown: {unknown[0][:80]}." if isinstance(request.data, dict) else ""
            raise Invalid(f"Send an object with parameters, metrics and inputs.{named}")
        inputs = checked(LogInputs, request)["inputs"]
        log_run(
            run=found,
            parameters=parameters_of(request.data.get("parameters") or {}),
            metrics=metrics_of(request.data.get("metrics") or []),
            inputs=[
                ReadDataset(get_dataset_version(self.actor, one["dataset"], one["version"]), one["context"])
                for one in inputs
            ],
            actor=self.actor,
        )
        return Response(status=204)


class LogInputs(serializers.Serializer[Any]):
    """The inputs alone: parameters and metrics are checked where they are understood."""

    inputs = ReadInputSerializer(many=True, required=False, default=list)


class EndRun(ActorAPIView):
    """The end of a run."""

    required_permission: ClassVar[Declared] = Permission.REGISTER

    @extend_schema(operation_id="runs_end", request=EndSerializer, responses=RunSerializer)
    def post(self, request: Request, run: UUID) -> Response:
        """End a run and seal what it recorded."""
        found = get_run(self.actor, run, Permission.REGISTER)
        state = RunState(checked(EndSerializer, request)["state"])
        return Response(RunSerializer(end_run(run=found, state=state, actor=self.actor)).data)
