"""REST: entries, proofs, checkpoints and the public keys that verify them."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

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
    """Newest first; `next` is the cursor of the page after."""

    results = EntrySerializer(many=True)
    next = serializers.CharField(allow_null=True)


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


class EntryListView(ActorAPIView):
    """The audit trail."""

    required_permission: ClassVar[Declared] = Permission.READ_LEDGER

    @extend_schema(operation_id="ledger_entries", responses=EntryListSerializer)
    def get(self, request: Request) -> Response:
        """Newest first, narrowed by `verb`, `actor`, `subject`, `act`, `since`, `until`."""
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
        return Response(EntryListSerializer({"results": results, "next": found.next}).data)


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
