"""What the REST views of the registry share: bodies as serializers take them, filters, parameters for the
document."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from countersign.api.bodies import loads
from countersign.errors import Invalid

NAME = OpenApiParameter("name", str, OpenApiParameter.PATH, description="The name, percent-encoded.")
NUMBER = OpenApiParameter("number", int, OpenApiParameter.PATH, description="The version's number.")
KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="The tag's key, percent-encoded.")
FILE = OpenApiParameter("path", str, OpenApiParameter.PATH, description="The file's path in the manifest.")
CONTAINS = OpenApiParameter("name", str, description="Part of the name, in any case.")
TEAM = OpenApiParameter("team", str, description="The team's slug.")
TAG = OpenApiParameter("tag", str, description="A tag's key, or key=value.")
FLAVOUR = OpenApiParameter(
    "flavour", str, description="onnx, xgboost, lightgbm, skops, joblib, pickle or unknown."
)
ARCHIVED = OpenApiParameter(
    "archived", bool, description="true: the archived ones; false, the default: the others."
)


def checked(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The request's body as the serializer takes it. Raises ValidationError."""
    taken = serializer(data=request.data)
    taken.is_valid(raise_exception=True)
    data: dict[str, Any] = taken.validated_data
    return data


def json_object(text: str) -> dict[str, Any]:
    """A JSON object from text. Raises Invalid (bad_metadata)."""
    try:
        value = loads(text)
    except ValueError as error:
        raise Invalid(
            f"metadata is not JSON: {error}.", fields={"metadata": [str(error)]}, code="bad_metadata"
        ) from None
    if not isinstance(value, dict):
        raise Invalid(
            "metadata is a JSON object.", fields={"metadata": ["It is no object."]}, code="bad_metadata"
        )
    return value


def by_name(rows: QuerySet[Any], request: Request) -> QuerySet[Any]:
    """Narrowed by `?name=` and `?team=`."""
    if part := _text(request, "name"):
        rows = rows.filter(name__icontains=part)
    if team := _text(request, "team"):
        rows = rows.filter(team__slug=team)
    return rows


def by_tag(rows: QuerySet[Any], request: Request, **which: Any) -> QuerySet[Any]:
    """Narrowed by `?tag=`; `which` are lookups that say which tags count."""
    if asked := _text(request, "tag"):
        key, equals, value = asked.partition("=")
        rows = rows.filter(tags__key=key, **({"tags__value": value} if equals else {}), **which)
    return rows


def by_archived(rows: QuerySet[Any], request: Request) -> QuerySet[Any]:
    """Narrowed by `?archived=`. Raises Invalid."""
    asked = _text(request, "archived") or "false"
    if asked not in ("true", "false"):
        raise Invalid("archived is true or false.", fields={"archived": ["true or false"]})
    return rows.filter(archived_at__isnull=asked == "false")


def _text(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if "\0" in value:
        raise Invalid(f"{name} holds a control character.", fields={name: ["It holds a control character."]})
    return value
