"""REST: the model card of a version."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.api.conditions import IF_MATCH, editable
from countersign.api.views import ActorAPIView
from countersign.errors import Invalid, NotFound
from countersign.permissions import Declared, Permission
from governance.cards.actions import save_card, save_section
from governance.cards.models import CardRevision
from governance.cards.queries import last_changes, newest_revision, standing_of_sections
from governance.cards.sections import SECTIONS
from governance.evaluation.queries import latest_evidence
from governance.profiles.queries import profile_of
from registry.versions.access import get_version
from registry.versions.actions.locks import lock_version
from registry.versions.models import ModelVersion

SECTION_KINDS = ["drawn", "written", "mixed"]


class SectionSerializer(serializers.Serializer[Any]):
    """One section: who fills it, whether the model's risk tier requires it, and how it stands."""

    id = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.ChoiceField(choices=SECTION_KINDS)
    required = serializers.BooleanField()  # type: ignore[assignment]  # a field of the body
    state = serializers.CharField(help_text="complete, not applicable, or what is absent")
    text = serializers.CharField(help_text="Markdown; empty where nothing is written")


class CardSerializer(serializers.Serializer[Any]):
    """The newest revision of a version's card; `revision` null while nobody wrote one."""

    model = serializers.CharField()
    version = serializers.IntegerField()
    revision = serializers.IntegerField(allow_null=True)
    digest = serializers.CharField(allow_null=True)
    author = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)
    risk_tier = serializers.CharField(allow_null=True)
    done = serializers.IntegerField(help_text="required sections that are complete")
    required = serializers.IntegerField()  # type: ignore[assignment]  # a field of the body
    sections = SectionSerializer(many=True)


class CardInput(serializers.Serializer[Any]):
    """Texts by section; a section that is not named keeps its text, an empty text takes it away."""

    sections = serializers.DictField(child=serializers.CharField(allow_blank=True, trim_whitespace=False))
    base_revision = serializers.IntegerField(
        min_value=1,
        allow_null=True,
        help_text="The revision the writer began from; null where there is none.",
    )


class CardView(ActorAPIView):
    """The card of one version."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "PUT": Permission.EDIT_CARD}

    @extend_schema(operation_id="card_get", responses=CardSerializer)
    def get(self, request: Request, name: str, number: int) -> Response:
        """Its newest revision, section by section, and what is still open."""
        return Response(_body(get_version(self.actor, name, number)))

    def as_it_stands(self, name: str, number: int) -> Any:
        """For conditions."""
        return _body(lock_version(get_version(self.actor, name, number, Permission.EDIT_CARD)))

    @extend_schema(
        operation_id="card_save", request=CardInput, responses={200: CardSerializer, 201: CardSerializer}
    )
    @editable
    def put(self, request: Request, name: str, number: int) -> Response:
        """Save sections as the next revision (201); equal texts make none (200). 409 where somebody saved after
        `base_revision`."""
        given = CardInput(data=request.data)
        given.is_valid(raise_exception=True)
        version = get_version(self.actor, name, number, Permission.EDIT_CARD)
        base: int | None = given.validated_data["base_revision"]
        saved = save_card(
            version=version, sections=given.validated_data["sections"], base_revision=base, actor=self.actor
        )
        return Response(_body(version, saved), status=200 if saved.number == base else 201)


class OneSectionSerializer(SectionSerializer):
    """One section of the newest revision; `written_in` is the revision that gave it its text."""

    written_in = serializers.IntegerField(allow_null=True)
    written_by = serializers.CharField(allow_null=True)


class SectionInput(serializers.Serializer[Any]):
    """The new text; empty takes it away."""

    text = serializers.CharField(allow_blank=True, trim_whitespace=False)
    base_revision = serializers.IntegerField(
        min_value=1,
        required=False,
        allow_null=True,
        help_text="The revision the section was read in; null where there is none. Not needed with `If-Match`.",
    )


class SectionView(ActorAPIView):
    """One section of a card."""

    required_permission: ClassVar[Declared] = {"GET": Permission.SEE, "PATCH": Permission.EDIT_CARD}

    @extend_schema(operation_id="card_section_get", responses=OneSectionSerializer)
    def get(self, request: Request, name: str, number: int, section: str) -> Response:
        """Its text, how it stands, and who wrote it in which revision."""
        return Response(_section(get_version(self.actor, name, number), section))

    def as_it_stands(self, name: str, number: int, section: str) -> Any:
        """For conditions: this section alone, so that work on the others is no conflict."""
        return _section(lock_version(get_version(self.actor, name, number, Permission.EDIT_CARD)), section)

    @extend_schema(
        operation_id="card_section_save", request=SectionInput, responses={200: OneSectionSerializer}
    )
    @editable
    def patch(self, request: Request, name: str, number: int, section: str) -> Response:
        """Save this section as the next revision, whatever others did to the rest; equal text makes none. Send
        `If-Match` with the section's ETag (412 where it moved on), or `base_revision` (409)."""
        given = SectionInput(data=request.data)
        given.is_valid(raise_exception=True)
        version = get_version(self.actor, name, number, Permission.EDIT_CARD)
        if "base_revision" in given.validated_data:
            base = given.validated_data["base_revision"]
        elif IF_MATCH in request.headers:
            newest = newest_revision(version)
            base = newest.number if newest else None
        else:
            sentence = "Send base_revision, the revision the section was read in, or If-Match with its ETag."
            raise Invalid("Nothing was saved.", fields={"base_revision": [sentence]})
        save_section(
            version=version,
            section=section,
            text=given.validated_data["text"],
            base_revision=base,
            actor=self.actor,
        )
        return Response(_section(version, section))


def _section(version: ModelVersion, name: str) -> Any:
    found = next((one for one in _body(version)["sections"] if one["id"] == name), None)
    if found is None:
        raise NotFound(f"A card has no section “{name[:60]}”. Known: {', '.join(SECTIONS)}.")
    given = last_changes(version, until=newest_revision(version)).get(name)
    found |= {
        "written_in": given.number if given else None,
        "written_by": given.author.full_name if given and given.author else None,
    }
    return OneSectionSerializer(found).data


def _body(version: ModelVersion, card: CardRevision | None = None) -> Any:
    """The body of the card as it is now, of its newest revision."""
    card = card or newest_revision(version)
    profile = profile_of(version.model)
    tier = profile.risk_tier if profile else None
    standings = standing_of_sections(
        SECTIONS.values(), version=version, card=card, evaluation=latest_evidence(version)
    )
    sections = [
        {
            "id": one.section.id,
            "title": one.section.title,
            "kind": one.section.kind,
            "required": tier in one.section.tiers,
            "state": one.absence.value if one.absence else "not applicable" if one.reason else "complete",
            "text": card.sections.get(one.section.id, "") if card else "",
        }
        for one in standings
    ]
    required = [one for one in standings if tier in one.section.tiers]
    body = {
        "model": version.model.name,
        "version": version.number,
        "revision": card.number if card else None,
        "digest": card.digest if card else None,
        "author": card.author.full_name if card and card.author else None,
        "created_at": card.created_at if card else None,
        "risk_tier": tier,
        "done": sum(one.complete for one in required),
        "required": len(required),
        "sections": sections,
    }
    return CardSerializer(body).data
