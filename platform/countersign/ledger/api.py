"""REST: entries, proofs, checkpoints and the public keys that verify them."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from countersign.api.views import ActorAPIView
from countersign.errors import Invalid, NotFound
from countersign.ledger import queries
from countersign.ledger.forms import TrailFilter
from countersign.ledger.names import names_of
from countersign.ledger.verbs import EXPORT_KEY_PUBLISHED
from countersign.permissions import Declared, Permission


class EntrySerializer(serializers.Serializer[Any]):
    """An entry: its place (null while not sealed), its sentence, and the leaf whose bytes are sealed."""

    id = serializers.UUIDField()
    index = serializers.IntegerField(allow_null=True)
    sealed = serializers.BooleanField()
    recorded_at = serializers.DateTimeField()
    actor = serializers.CharField()
    sentence = serializers.CharField()
    leaf = serializers.DictField()


class EntryListSerializer(serializers.Serializer[Any]):
    """Newest first; follow `next`. There is no way back but the browser's."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = EntrySerializer(many=True)


class CheckpointSerializer(serializers.Serializer[Any]):
    """The newest signed head (C2SP tlog-checkpoint)."""

    size = serializers.IntegerField()
    root = serializers.CharField()  # type: ignore[assignment]  # a field of the body
    note = serializers.CharField()
    signed_at = serializers.DateTimeField()


class KeysSerializer(serializers.Serializer[Any]):
    """Verifier keys in the one-line form of C2SP signed notes. Keep them: a key handed over later proves less."""

    ledger = serializers.CharField()
    export = serializers.CharField()


FILTERS = [
    OpenApiParameter("verb", str, description="A verb, or the beginning of some, ending with a dot."),
    OpenApiParameter("who", str, description="Part of the name of who did it."),
    OpenApiParameter("actor", UUID, description="The id of who did it."),
    OpenApiParameter(
        "kind", str, description="What kind of thing it is about, such as registry.model_version."
    ),
    OpenApiParameter("subject", UUID, description="The id of what it is about."),
    OpenApiParameter("act", UUID, description="The act it belongs to."),
    OpenApiParameter("since", date, description="The first day (UTC)."),
    OpenApiParameter("until", date, description="The last day (UTC), included."),
    OpenApiParameter("cursor", str, description="As `next` has it."),
]


class EntryListView(ActorAPIView):
    """The audit trail."""

    required_permission: ClassVar[Declared] = Permission.READ_LEDGER

    @extend_schema(operation_id="ledger_entries", parameters=FILTERS, responses=EntryListSerializer)
    def get(self, request: Request) -> Response:
        """Newest first, narrowed."""
        form = TrailFilter(request.query_params or None)
        if form.is_bound and not form.is_valid():
            raise Invalid(
                "The filters are wrong.",
                fields={name: [str(one) for one in found] for name, found in form.errors.items()},
            )
        filters = form.filters() if form.is_bound else queries.Filters()
        found = queries.entries(actor=self.actor, filters=filters, cursor=request.query_params.get("cursor"))
        names = names_of(found.entries)
        sentences = queries.sentences_of(found.entries)
        results = [
            {
                "id": entry.id,
                "index": entry.index,
                "sealed": entry.sealed,
                "recorded_at": entry.recorded_at,
                "actor": names[entry.id],
                "sentence": str(said),
                "leaf": entry.leaf,
            }
            for entry, said in zip(found.entries, sentences, strict=True)
        ]
        following = found.next and replace_query_param(request.build_absolute_uri(), "cursor", found.next)
        return Response(EntryListSerializer({"next": following, "previous": None, "results": results}).data)


class ProofView(ActorAPIView):
    """The proof of one entry."""

    required_permission: ClassVar[Declared] = Permission.READ_LEDGER

    @extend_schema(operation_id="ledger_proof", responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, entry: UUID) -> HttpResponse:
        """C2SP tlog-proof text: index, hashes and checkpoint."""
        proof = queries.proven_entry(actor=self.actor, entry=entry).tlog_proof()
        if proof is None:
            raise NotFound("This entry is not sealed yet; ask again in a few seconds.", code="not_sealed")
        return HttpResponse(proof, content_type="text/plain; charset=utf-8")


class CheckpointView(ActorAPIView):
    """The newest checkpoint."""

    required_permission: ClassVar[Declared] = Permission.READ_LEDGER

    @extend_schema(operation_id="ledger_checkpoint", responses=CheckpointSerializer)
    def get(self, request: Request) -> Response:
        """Keep it: with it you can later prove that nothing before it changed."""
        newest = queries.latest_checkpoint()
        if newest is None:
            raise NotFound("Nothing is sealed yet; ask again in a few seconds.", code="not_sealed")
        body = {
            "size": newest.size,
            "root": bytes(newest.root).hex(),
            "note": newest.note,
            "signed_at": newest.signed_at,
        }
        return Response(CheckpointSerializer(body).data)


class KeysView(ActorAPIView):
    """The public keys of log and exporter."""

    required_permission: ClassVar[Declared] = None

    @extend_schema(operation_id="ledger_keys", responses=KeysSerializer)
    def get(self, request: Request) -> Response:
        """What `verify.py` is given as `--key` and `--export-key`."""
        tree, published = queries.tree(), queries.newest_leaf(EXPORT_KEY_PUBLISHED.name)
        if tree is None or published is None:
            raise NotFound("The ledger has not been created yet: run manage.py bootstrap.")
        export = published["data"]["after"]["details"]["vkey"]
        return Response(KeysSerializer({"ledger": tree.vkey, "export": export}).data)
