"""REST: registered models, their aliases and tags."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from countersign.accounts.access import get_team
from countersign.api.conditions import editable
from countersign.api.idempotency import idempotent
from countersign.api.views import ActorAPIView
from countersign.errors import NotFound
from countersign.permissions import Declared, Permission
from registry.rest import (
    ARCHIVED,
    CONTAINS,
    FLAVOUR,
    KEY,
    NAME,
    TAG,
    TEAM,
    by_archived,
    by_name,
    by_tag,
    checked,
)
from registry.versions import actions, listing
from registry.versions.access import get_alias, get_model, get_tag, get_version
from registry.versions.actions.locks import lock_model
from registry.versions.api import shapes
from registry.versions.models import Alias, RegisteredModel, Tag
from registry.versions.queries import models_visible_to

SEARCH = OpenApiParameter("q", str, description="Part of name, description or purpose; a digest's beginning.")
FILTERS = [
    OpenApiParameter(one.name, str, description=one.hint)
    for one in listing.filters()
    if one.name != TEAM.name  # an unknown team is an empty list here, as it always was
]
"""The filters of the list of models, those of higher layers too: they are all there before any URL is asked for."""

READ_OR_REGISTER: Declared = {
    "GET": Permission.SEE,
    **dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), Permission.REGISTER),
}


def drawn(models: QuerySet[RegisteredModel]) -> QuerySet[RegisteredModel]:
    """With what the serializer reads, in a fixed number of queries."""
    return models.prefetch_related(
        Prefetch("aliases", Alias.objects.select_related("version").order_by("name_folded")),
        Prefetch("tags", Tag.objects.filter(version__isnull=True).order_by("key")),
    )


def model_body(model: RegisteredModel) -> Any:
    """The body of one model as it is now."""
    return shapes.ModelSerializer(drawn(RegisteredModel.objects.select_related("team")).get(pk=model.pk)).data


def one_or_none(serializer: type[BaseSerializer[Any]], get: Callable[[], Any]) -> Any:
    """The body of what `get` finds, None where it is not there."""
    try:
        return serializer(get()).data
    except NotFound:
        return None


class Models(ActorAPIView):
    """Registered models."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(
        operation_id="models_list",
        parameters=[CONTAINS, TEAM, TAG, FLAVOUR, ARCHIVED, SEARCH, *FILTERS],
        responses=shapes.ModelSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Models you may see, newest first."""
        models = by_archived(by_name(models_visible_to(self.actor), request), request)
        models = by_tag(models, request, tags__version__isnull=True)  # a version's tags are not its model's
        if flavour := request.query_params.get("flavour"):
            models = models.filter(versions__flavour=flavour).distinct()
        if q := request.query_params.get("q", "").strip():
            models = listing.searched(models, q)
        given = {one.name: request.query_params.get(one.name, "") for one in FILTERS}
        models = listing.narrowed(models, self.actor, given)
        return self.page(drawn(models), shapes.ModelSerializer)

    @extend_schema(
        operation_id="models_create",
        request=shapes.NewModelSerializer,
        responses={201: shapes.ModelSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Register a model."""
        data = checked(shapes.NewModelSerializer, request)
        team = get_team(self.actor, data["team"], Permission.REGISTER)
        model = actions.register_model(
            name=data["name"], team=team, description=data["description"], actor=self.actor
        )
        return self.made(model_body(model), reverse("registry:api-model", args=[model.name]))


@extend_schema(parameters=[NAME])
class OneModel(ActorAPIView):
    """A registered model."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(operation_id="models_get", responses=shapes.ModelSerializer)
    def get(self, request: Request, name: str) -> Response:
        """One model."""
        return Response(model_body(get_model(self.actor, name)))

    def as_it_stands(self, name: str) -> Any:
        """For conditions."""
        return model_body(lock_model(get_model(self.actor, name, Permission.REGISTER)))

    @extend_schema(
        operation_id="models_update",
        request=shapes.DescriptionSerializer,
        responses=shapes.ModelSerializer,
    )
    @editable
    def patch(self, request: Request, name: str) -> Response:
        """Replace the description."""
        model = get_model(self.actor, name, Permission.REGISTER)
        data = checked(shapes.DescriptionSerializer, request)
        return Response(model_body(actions.update_model(model=model, actor=self.actor, **data)))


@extend_schema(parameters=[NAME])
class RenameModel(ActorAPIView):
    """Another name."""

    required_permission: ClassVar[Declared] = Permission.ARCHIVE

    @extend_schema(
        operation_id="models_rename", request=shapes.NameSerializer, responses=shapes.ModelSerializer
    )
    def post(self, request: Request, name: str) -> Response:
        """Rename a model that is neither live nor under review."""
        model = get_model(self.actor, name, Permission.ARCHIVE)
        data = checked(shapes.NameSerializer, request)
        return Response(model_body(actions.rename_model(model=model, actor=self.actor, **data)))


@extend_schema(parameters=[NAME])
class ArchiveModel(ActorAPIView):
    """Taking a model out of use."""

    required_permission: ClassVar[Declared] = Permission.ARCHIVE

    @extend_schema(operation_id="models_archive", request=None, responses=shapes.ModelSerializer)
    def post(self, request: Request, name: str) -> Response:
        """Archive a model that is neither live nor under review."""
        model = get_model(self.actor, name, Permission.ARCHIVE)
        return Response(model_body(actions.archive_model(model=model, actor=self.actor)))


@extend_schema(parameters=[NAME])
class RestoreModel(ActorAPIView):
    """Bringing a model back."""

    required_permission: ClassVar[Declared] = Permission.ARCHIVE

    @extend_schema(operation_id="models_restore", request=None, responses=shapes.ModelSerializer)
    def post(self, request: Request, name: str) -> Response:
        """Restore an archived model."""
        model = get_model(self.actor, name, Permission.ARCHIVE)
        return Response(model_body(actions.restore_model(model=model, actor=self.actor)))


@extend_schema(parameters=[NAME, KEY])
class ModelTag(ActorAPIView):
    """A tag of a model."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(operation_id="models_get_tag", responses=shapes.TagSerializer)
    def get(self, request: Request, name: str, key: str) -> Response:
        """One tag."""
        return Response(shapes.TagSerializer(get_tag(get_model(self.actor, name), key)).data)

    def as_it_stands(self, name: str, key: str) -> Any:
        """For conditions."""
        model = lock_model(get_model(self.actor, name, Permission.REGISTER))
        return one_or_none(shapes.TagSerializer, partial(get_tag, model, key))

    @extend_schema(
        operation_id="models_set_tag", request=shapes.TagValueSerializer, responses=shapes.TagSerializer
    )
    @editable
    def put(self, request: Request, name: str, key: str) -> Response:
        """Set a tag."""
        model = get_model(self.actor, name, Permission.REGISTER)
        data = checked(shapes.TagValueSerializer, request)
        tag = actions.set_tag(model=model, key=key, actor=self.actor, **data)
        return Response(shapes.TagSerializer(tag).data)

    @extend_schema(operation_id="models_delete_tag", responses={204: None})
    @editable
    def delete(self, request: Request, name: str, key: str) -> Response:
        """Take a tag away."""
        model = get_model(self.actor, name, Permission.REGISTER)
        actions.delete_tag(model=model, key=key, actor=self.actor)
        return Response(status=204)


@extend_schema(parameters=[NAME])
class Aliases(ActorAPIView):
    """The aliases of a model."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="aliases_list", responses=shapes.AliasSerializer(many=True))
    def get(self, request: Request, name: str) -> Response:
        """Aliases of a model, newest first."""
        aliases = get_model(self.actor, name).aliases.select_related("version")
        return self.page(aliases, shapes.AliasSerializer)


@extend_schema(parameters=[NAME])
class OneAlias(ActorAPIView):
    """An alias."""

    required_permission: ClassVar[Declared] = READ_OR_REGISTER

    @extend_schema(operation_id="aliases_get", responses=shapes.AliasSerializer)
    def get(self, request: Request, name: str, alias: str) -> Response:
        """Where an alias points."""
        return Response(shapes.AliasSerializer(get_alias(get_model(self.actor, name), alias)).data)

    def as_it_stands(self, name: str, alias: str) -> Any:
        """For conditions."""
        model = lock_model(get_model(self.actor, name, Permission.REGISTER))
        return one_or_none(shapes.AliasSerializer, partial(get_alias, model, alias))

    @extend_schema(
        operation_id="aliases_set", request=shapes.AliasTargetSerializer, responses=shapes.AliasSerializer
    )
    @editable
    def put(self, request: Request, name: str, alias: str) -> Response:
        """Point an alias at a version. Protected aliases move only by promotion."""
        model = get_model(self.actor, name, Permission.REGISTER)
        number = checked(shapes.AliasTargetSerializer, request)["version"]
        version = get_version(self.actor, name, number)
        moved = actions.set_alias(model=model, name=alias, version=version, actor=self.actor)
        return Response(shapes.AliasSerializer(moved).data)

    @extend_schema(operation_id="aliases_delete", responses={204: None})
    @editable
    def delete(self, request: Request, name: str, alias: str) -> Response:
        """Take an alias away."""
        model = get_model(self.actor, name, Permission.REGISTER)
        actions.delete_alias(model=model, name=alias, actor=self.actor)
        return Response(status=204)
