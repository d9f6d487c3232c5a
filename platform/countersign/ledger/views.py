"""Pages of the ledger: the audit trail, one entry with its proof, and the foot of every page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from countersign.actors import Actor
from countersign.ledger import queries, verbs
from countersign.ledger.forms import TrailFilter
from countersign.ledger.models import Checkpoint
from countersign.ledger.names import names_of
from countersign.ledger.queries import Filters, ReadEntry
from countersign.permissions import Permission
from countersign.web.foot import LedgerState
from countersign.web.guards import actor_of_request, page
from countersign.web.render import render_page

SHOWN_CHECKPOINTS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as the trail shows it."""

    entry: ReadEntry
    actor: str
    sentence: Any
    refused: bool


def lines_of(entries: Iterable[ReadEntry]) -> list[Line]:
    """Entries with their sentences and the names of their actors."""
    listed = list(entries)
    names = names_of(listed)
    return [
        Line(entry, names[entry.id], entry.sentence().after_name(), entry.leaf["verb"].endswith(".refused"))
        for entry in listed
    ]


def trail(
    *, actor: Actor, filters: Filters, cursor: str | None = None, limit: int = queries.PAGE_SIZE
) -> dict[str, Any]:
    """What `ledger/lines.html` draws: lines by day, with the newest checkpoint between unsealed and sealed."""
    found = queries.entries(actor=actor, filters=filters, cursor=cursor, limit=limit)
    lines = lines_of(found.entries)
    days = [
        (day, list(group)) for day, group in groupby(lines, key=lambda line: line.entry.recorded_at.date())
    ]
    first_sealed = next((line.entry.id for line in lines if line.entry.sealed), None)
    return {
        "days": days,
        "count": len(lines),
        "next_cursor": found.next,
        "checkpoint": queries.latest_checkpoint() if first_sealed else None,
        "first_sealed": first_sealed,
    }


@page(Permission.READ_LEDGER)
@require_safe
def trail_page(request: HttpRequest) -> HttpResponse:
    """The audit trail, narrowed by the filters in the URL."""
    actor = actor_of_request(request)
    form = TrailFilter(request.GET or None)
    valid = not form.is_bound or form.is_valid()
    filters = form.filters() if form.is_bound and valid else Filters()
    checkpoints = list(Checkpoint.objects.order_by("-size")[:SHOWN_CHECKPOINTS])
    context: dict[str, Any] = {
        "form": form,
        "verbs": [verb.name for verb in verbs.all_verbs()],
        "filters": _chips(request),
        "query": _without(request, "cursor"),
        "checkpoints": checkpoints,
        "newest": checkpoints[0] if checkpoints else None,
        "tree": queries.tree(),
        "lag": queries.lag_seconds(),
    }
    if valid:
        context |= trail(actor=actor, filters=filters, cursor=request.GET.get("cursor"))
    return render_page(request, "ledger/trail.html", context, status=200 if valid else 422)


@page(Permission.READ_LEDGER)
@require_safe
def entry_page(request: HttpRequest, entry: UUID) -> HttpResponse:
    """One entry: its values before and after, its act, and its proof."""
    actor = actor_of_request(request)
    proven = queries.proven_entry(actor=actor, entry=entry)
    leaf = proven.entry.leaf
    together = queries.entries(actor=actor, filters=Filters(act=UUID(leaf["act"])), limit=20).entries
    context = {
        "line": lines_of([proven.entry])[0],
        "leaf": leaf,
        "changes": _changes(leaf["data"]["before"], leaf["data"]["after"]),
        "personal": [
            (name, proven.entry.personal.get(name), digest) for name, digest in leaf["personal"].items()
        ],
        "together": [one for one in lines_of(together) if one.entry.id != entry],
        "leaf_hash": sha256(b"\0" + proven.canonical).hexdigest(),
        "path": [step.hex() for step in proven.path],
        "checkpoint": queries.latest_checkpoint() if proven.checkpoint else None,
    }
    return render_page(request, "ledger/entry.html", context)


@page(Permission.READ_LEDGER)
@require_safe
def entry_file(request: HttpRequest, entry: UUID, kind: str) -> HttpResponse:
    """The canonical bytes of an entry (`leaf.json`), or its proof as C2SP tlog-proof text (`proof.txt`)."""
    proven = queries.proven_entry(actor=actor_of_request(request), entry=entry)
    content = proven.canonical if kind == "leaf.json" else (proven.tlog_proof() or "").encode()
    if not content:
        return HttpResponse("This entry is not sealed yet; try again in a few seconds.\n", status=409)
    response = HttpResponse(content, content_type="application/json" if kind == "leaf.json" else "text/plain")
    response["Content-Disposition"] = f'attachment; filename="{entry}-{kind}"'
    return response


@page(Permission.READ_LEDGER)
@require_safe
def checkpoint_note(request: HttpRequest, size: int) -> HttpResponse:
    """The signed note of a checkpoint, as it was signed."""
    found = Checkpoint.objects.filter(size=size).first()
    if found is None:
        return HttpResponse(
            f"There is no checkpoint of size {size}.\n", status=404, content_type="text/plain"
        )
    return HttpResponse(found.note, content_type="text/plain; charset=utf-8")


def foot(request: HttpRequest) -> LedgerState | None:
    """The state of the ledger for the foot of every page; nothing for strangers."""
    actor = getattr(request, "actor", None)
    newest = queries.latest_checkpoint() if actor is not None else None
    if newest is None:
        return None
    return LedgerState(
        text=f"Ledger: {newest.size:,} entries under checkpoint {newest.size:,}, signed {newest.signed_at:%H:%M:%S}",
        url=reverse("ledger:trail"),
        digest=bytes(newest.root).hex(),
        verified=False,
    )


def _changes(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[tuple[str, str, str, bool]]:
    """Field, value before, value after, and whether it changed; details last."""
    old, new = dict(before or {}), dict(after or {})
    rows = []
    for name in sorted({*old, *new} - {"details"}):
        rows.append(
            (
                name,
                _shown(old, name),
                _shown(new, name),
                before is not None and old.get(name) != new.get(name),
            )
        )
    for name, value in sorted((new.get("details") or {}).items()):
        rows.append((f"details.{name}", "", _shown({name: value}, name), False))
    return rows


def _shown(state: Mapping[str, Any], name: str) -> str:
    if name not in state:
        return ""
    value = state[name]
    if value is None:
        return "none"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _chips(request: HttpRequest) -> list[tuple[str, str, str]]:
    """Applied filters: name, value, and the URL without it."""
    labels = {
        "verb": "What",
        "actor": "Who",
        "subject": "About",
        "act": "Act",
        "since": "From",
        "until": "To",
    }
    return [
        (label, request.GET[name], f"?{_without(request, name, 'cursor')}")
        for name, label in labels.items()
        if request.GET.get(name)
    ]


def _without(request: HttpRequest, *names: str) -> str:
    query = request.GET.copy()
    for name in names:
        query.pop(name, None)
    return query.urlencode()
