"""REST: the revisions of a model card, and what differs between two."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.pagination import NewestFirst
from countersign.api.views import ActorAPIView
from countersign.errors import NotFound
from countersign.permissions import Declared, Permission
from governance.cards.history import RevisionLine, changes_between, lines_of
from governance.cards.models import CardRevision
from governance.cards.queries import revisions_of
from registry.versions.access import get_version
from registry.versions.models import ModelVersion


class CardRevisionSerializer(serializers.Serializer[Any]):
    """One revision of a card and what it changed of the one before."""

    number = serializers.IntegerField()
    digest = serializers.CharField()
    author = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    changed = serializers.ListField(child=serializers.CharField(), help_text="ids of sections")


class CardRevisionDetailSerializer(CardRevisionSerializer):
    """The revision with its texts as they were."""

    sections = serializers.DictField(child=serializers.CharField())


class CardRevisionListView(ActorAPIView):
    """The revisions of a card."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="card_revision_list", responses=CardRevisionSerializer(many=True))
    def get(self, request: Request, name: str, number: int) -> Response:
        """Newest first."""
        version = get_version(self.actor, name, number)
        paginator = NewestFirst()
        rows = paginator.paginate_queryset(revisions_of(version).order_by("-pk"), request, self) or []
        return paginator.get_paginated_response([_revision(line) for line in lines_of(rows)])


class CardRevisionView(ActorAPIView):
    """One revision of a card."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="card_revision_get", responses=CardRevisionDetailSerializer)
    def get(self, request: Request, name: str, number: int, revision: int) -> Response:
        """With its texts."""
        found = _revision_of(get_version(self.actor, name, number), revision)
        return Response(_revision(lines_of([found])[0]) | {"sections": found.sections})


class PieceSerializer(serializers.Serializer[Any]):
    """A run of words."""

    kind = serializers.ChoiceField(choices=["same", "removed", "added"])
    text = serializers.CharField(trim_whitespace=False)


class SectionDifferenceSerializer(serializers.Serializer[Any]):
    """What differs in one section. `places` counts the places, `removed` and `added` the words."""

    section = serializers.CharField()
    title = serializers.CharField()
    places = serializers.IntegerField()
    removed = serializers.IntegerField()
    added = serializers.IntegerField()
    pieces = PieceSerializer(many=True)


class CardDifferenceSerializer(serializers.Serializer[Any]):
    """Two revisions read against each other; sections that are not named are equal."""

    before = serializers.IntegerField(help_text="0 is an empty card")
    after = serializers.IntegerField()
    sections = SectionDifferenceSerializer(many=True)


class CardDifferenceView(ActorAPIView):
    """Two revisions of a card, word by word."""

    required_permission: ClassVar[Declared] = Permission.SEE

    @extend_schema(operation_id="card_difference", responses=CardDifferenceSerializer)
    def get(self, request: Request, name: str, number: int, before: int, after: int) -> Response:
        """What has to go and to come to make revision `after` of revision `before` (0: an empty card)."""
        version = get_version(self.actor, name, number)
        old = _revision_of(version, before) if before else None
        changes = changes_between(old, _revision_of(version, after))
        body = {
            "before": before,
            "after": after,
            "sections": [
                {
                    "section": one.section.id,
                    "title": one.section.title,
                    "places": one.words.places,
                    "removed": one.words.removed,
                    "added": one.words.added,
                    "pieces": one.words.pieces,
                }
                for one in changes
            ],
        }
        return Response(CardDifferenceSerializer(body).data)


def _revision_of(version: ModelVersion, number: int) -> CardRevision:
    found = revisions_of(version).filter(number=number).first()
    if found is None:
        raise NotFound(f"The card of {version} has no revision {number}.")
    return found


def _revision(line: RevisionLine) -> Any:
    revision = line.revision
    body = {
        "number": revision.number,
        "digest": revision.digest,
        "author": revision.author.full_name if revision.author else None,
        "created_at": revision.created_at,
        "changed": [section.id for section in line.changed],
    }
    return CardRevisionSerializer(body).data
