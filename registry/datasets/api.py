"""REST: datasets and their versions."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.accounts.access import get_team
from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.blobs.multipart import METADATA, TakesParts, read_parts
from countersign.blobs.serving import serve_blob
from countersign.blobs.store import kept_or_discarded
from countersign.errors import Invalid, NotFound
from countersign.permissions import Declared, Permission
from registry.datasets.access import get_dataset, get_dataset_version
from registry.datasets.actions import create_dataset, register_dataset_version
from registry.datasets.descriptors import parse_descriptor
from registry.datasets.models import Dataset, DatasetVersion
from registry.datasets.queries import dataset_versions_visible_to, datasets_visible_to
from registry.rest import CONTAINS, NAME, NUMBER, TEAM, by_name, checked, json_object

READ_OR_REGISTER: Declared = {"GET": Permission.SEE, "POST": Permission.REGISTER}


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A named line of dataset versions."""

    team = serializers.CharField(source="team.slug")

    class Meta:
        model = Dataset
        fields = ("id", "name", "team", "description", "created_at")
        read_only_fields = fields


class NewDatasetSerializer(serializers.Serializer[Any]):
    """What a dataset is created with."""

    name = serializers.CharField(max_length=1_000)
    team = serializers.CharField(max_length=100)
    description = serializers.CharField(required=False, allow_blank=True, default="")


class ColumnSerializer(serializers.Serializer[Any]):
    """A column, typed as Arrow calls it."""

    name = serializers.CharField()
    type = serializers.CharField()


class DatasetVersionSerializer(serializers.ModelSerializer[DatasetVersion]):
    """Immutable data; `kept_here` false: only its digest is known here."""

    dataset = serializers.CharField(source="dataset.name")
    kept_here = serializers.SerializerMethodField()
    columns = ColumnSerializer(many=True)
    sensitive_attributes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = DatasetVersion
        fields = (
            "id",
            "dataset",
            "number",
            "digest",
            "kept_here",
            "format",
            "size",
            "rows",
            "columns",
            "target",
            "positive_label",
            "favourable_label",
            "sensitive_attributes",
            "row_key",
            "time_column",
            "query_column",
            "licence",
            "source",
            "location",
            "created_at",
        )
        read_only_fields = fields

    def get_kept_here(self, version: DatasetVersion) -> bool:
        """Whether the bytes are here."""
        return version.blob_id is not None


class DescriptorSerializer(serializers.Serializer[Any]):
    """A dataset version kept elsewhere: its digest and where it lies, beside the descriptor."""

    digest = serializers.CharField()
    location = serializers.CharField()
    format = serializers.ChoiceField(choices=["parquet", "csv"], required=False)
    columns = ColumnSerializer(many=True, required=False)
    rows = serializers.IntegerField(required=False)
    target = serializers.CharField(required=False)
    positive_label = serializers.CharField(required=False)
    favourable_label = serializers.CharField(required=False)
    sensitive_attributes = serializers.ListField(child=serializers.CharField(), required=False)
    row_key = serializers.CharField(required=False)
    time_column = serializers.CharField(required=False)
    query_column = serializers.CharField(required=False)
    licence = serializers.CharField(required=False)
    source = serializers.CharField(required=False)  # type: ignore[assignment]  # a field of the body


REQUEST: Any = {
    "multipart/form-data": {
        "type": "object",
        "required": ["metadata", "file"],
        "properties": {
            "metadata": {"type": "string", "description": "The descriptor as JSON, without digest."},
            "file": {"type": "string", "format": "binary", "description": "Parquet or CSV."},
        },
    },
    "application/json": DescriptorSerializer,
}


class Datasets(ActorAPIView):
    """Datasets."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(
        operation_id="datasets_list", parameters=[CONTAINS, TEAM], responses=DatasetSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """Datasets you may see, newest first."""
        return self.page(by_name(datasets_visible_to(self.actor), request), DatasetSerializer)

    @extend_schema(
        operation_id="datasets_create", request=NewDatasetSerializer, responses={201: DatasetSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a dataset."""
        data = checked(NewDatasetSerializer, request)
        team = get_team(self.actor, data["team"], Permission.REGISTER)
        dataset = create_dataset(
            name=data["name"], team=team, description=data["description"], actor=self.actor
        )
        path = reverse("registry:api-dataset", args=[dataset.name])
        return self.made(DatasetSerializer(dataset).data, path)


@extend_schema(parameters=[NAME])
class OneDataset(ActorAPIView):
    """A dataset."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="datasets_get", responses=DatasetSerializer)
    def get(self, request: Request, name: str) -> Response:
        """One dataset."""
        return Response(DatasetSerializer(get_dataset(self.actor, name)).data)


@extend_schema(parameters=[NAME])
class DatasetVersions(TakesParts, ActorAPIView):
    """The versions of a dataset."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(operation_id="dataset_versions_list", responses=DatasetVersionSerializer(many=True))
    def get(self, request: Request, name: str) -> Response:
        """Versions of a dataset, newest first."""
        dataset = get_dataset(self.actor, name)
        versions = dataset_versions_visible_to(self.actor).filter(dataset=dataset)
        return self.page(versions, DatasetVersionSerializer)

    @extend_schema(
        operation_id="dataset_versions_create",
        request=REQUEST,
        responses={201: DatasetVersionSerializer},
    )
    @idempotent
    def post(self, request: Request, name: str) -> Response:
        """Register a version: a Parquet or CSV file, or the digest of data kept elsewhere."""
        dataset = get_dataset(self.actor, name, Permission.REGISTER)
        if request._request.content_type == "multipart/form-data":
            version = self._from_file(request, dataset)
        else:
            version = self._from_digest(request, dataset)
        path = reverse("registry:api-dataset-version", args=[dataset.name, version.number])
        return self.made(DatasetVersionSerializer(version).data, path)

    def _from_file(self, request: Request, dataset: Dataset) -> DatasetVersion:
        parts = read_parts(request._request)
        with kept_or_discarded([part.incoming for _, part in parts.files]):
            if [name for name, _ in parts.texts] != [METADATA] or len(parts.files) != 1:
                raise Invalid("Send one part “metadata” and one part “file”.", code="bad_metadata")
            descriptor = parse_descriptor(json_object(parts.texts[0][1]))
            incoming = parts.files[0][1].incoming
            return register_dataset_version(
                dataset=dataset, descriptor=descriptor, incoming=incoming, actor=self.actor
            )

    def _from_digest(self, request: Request, dataset: Dataset) -> DatasetVersion:
        data = dict(request.data) if isinstance(request.data, dict) else {}
        digest = data.pop("digest", None)
        if not isinstance(digest, str):
            sentence = "Send the file, or the SHA-256 of data kept elsewhere."
            raise Invalid(sentence, fields={"digest": [sentence]})
        return register_dataset_version(
            dataset=dataset, descriptor=parse_descriptor(data), digest=digest, actor=self.actor
        )


@extend_schema(parameters=[NAME, NUMBER])
class OneDatasetVersion(ActorAPIView):
    """A dataset version."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="dataset_versions_get", responses=DatasetVersionSerializer)
    def get(self, request: Request, name: str, number: int) -> Response:
        """One version."""
        return Response(DatasetVersionSerializer(get_dataset_version(self.actor, name, number)).data)


@extend_schema(parameters=[NAME, NUMBER])
class DatasetFile(ActorAPIView):
    """The bytes of a dataset version."""

    required_permission: ClassVar[Declared] = Permission.DOWNLOAD

    @extend_schema(
        operation_id="dataset_versions_download",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, name: str, number: int) -> HttpResponseBase:
        """Download the data, if it is kept here."""
        version = get_dataset_version(self.actor, name, number, Permission.DOWNLOAD)
        if version.blob is None:
            raise NotFound("This data is not kept here; only its digest is known.")
        return serve_blob(
            request._request, version.blob, f"{version.dataset.name}-{version.number}.{version.format}"
        )
