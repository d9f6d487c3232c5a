"""Pages of the ledger: the audit trail, one entry with its proof, and the foot of every page."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from countersign import clock
from countersign.actors import Actor
from countersign.ledger import queries, verbs
from countersign.ledger.forms import TrailFilter, kinds
from countersign.ledger.models import Checkpoint
from countersign.ledger.names import name_of
from countersign.ledger.presenters import Sentence, telling, words_of
from countersign.ledger.proofs import siblings, verify_inclusion
from countersign.ledger.queries import Filters, ProvenEntry
from countersign.ledger.trail import COLUMNS, lines_of, rows_of, trail
from countersign.permissions import Permission
from countersign.web import formats
from countersign.web.csv_file import csv_lines, csv_response
from countersign.web.foot import LedgerState
from countersign.web.guards import actor_of_request, page
from countersign.web.render import render_page

SHOWN_CHECKPOINTS = 5
SHOWN_TOGETHER = 20
Shown = str | SafeString
"""A value as the page shows it: an id as the name of its thing, with a link."""


@page(Permission.READ_LEDGER)
@require_safe
def trail_page(request: HttpRequest) -> HttpResponse:
    """The audit trail, narrowed by the filters in the URL."""
    return _trail(request, actor_of_request(request), TrailFilter(request.GET or None))


@page(Permission.READ_LEDGER)
@require_safe
def trail_file(request: HttpRequest) -> HttpResponseBase:
    """The entries the page would show on all its stretches, as CSV."""
    actor, form = actor_of_request(request), TrailFilter(request.GET or None)
    if form.is_bound and not form.is_valid():
        return _trail(request, actor, form)
    filters = form.filters() if form.is_bound else Filters()
    name = f"ledger-{clock.now():%Y-%m-%d-%H%M%S}.csv"
    return csv_response(name, csv_lines(COLUMNS, rows_of(actor=actor, filters=filters)))


def _trail(request: HttpRequest, actor: Actor, form: TrailFilter) -> HttpResponse:
    valid = not form.is_bound or form.is_valid()
    filters = form.filters() if form.is_bound and valid else Filters()
    checkpoints = list(Checkpoint.objects.order_by("-size")[:SHOWN_CHECKPOINTS])
    verification = queries.last_verification()
    context: dict[str, Any] = {
        "form": form,
        "verbs": _verbs(form["verb"].value() or ""),
        "kinds": kinds(),
        "chips": _chips(request, form) if valid else [],
        "kept": [(name, request.GET[name]) for name in ("actor", "subject", "act") if request.GET.get(name)],
        "query": _without(request, "cursor"),
        "cursor": request.GET.get("cursor"),
        "checkpoints": checkpoints,
        "newest": checkpoints[0] if checkpoints else None,
        "tree": queries.tree(),
        "lag": queries.lag_seconds(),
        "verification": verification,
        "verified_by": lines_of([verification.entry])[0].actor if verification else "",
    }
    if valid:
        matching = queries.count_of(actor=actor, filters=filters)
        context |= {
            "matching": min(matching, queries.COUNTED),
            "more": matching > queries.COUNTED,
        } | trail(actor=actor, filters=filters, cursor=request.GET.get("cursor"))
    return render_page(request, "ledger/trail.html", context, status=200 if valid else 422)


@page(Permission.READ_LEDGER)
@require_safe
def entry_page(request: HttpRequest, entry: UUID) -> HttpResponse:
    """One entry: its values before and after, its act, its proof and its place in the tree."""
    actor = actor_of_request(request)
    proven = queries.proven_entry(actor=actor, entry=entry)
    leaf = proven.entry.leaf
    together = queries.entries(
        actor=actor, filters=Filters(act=UUID(leaf["act"])), limit=SHOWN_TOGETHER + 1
    ).entries
    with telling([leaf]):
        changes = _changes(leaf["data"]["before"], leaf["data"]["after"])
    context = {
        "line": lines_of([proven.entry])[0],
        "leaf": leaf,
        "kind": dict(kinds()).get(leaf["subject"]["type"], leaf["subject"]["type"]),
        "changes": changes,
        "personal": [
            (name, proven.entry.personal.get(name), digest) for name, digest in leaf["personal"].items()
        ],
        "together": [one for one in lines_of(together) if one.entry.id != entry],
        "noun": "Ledger",
    } | _place(proven)
    return render_page(request, "ledger/entry.html", context)


def _place(proven: ProvenEntry) -> dict[str, Any]:
    """The way from the leaf to the root of the newest checkpoint, and whether it leads there."""
    leaf = sha256(b"\0" + proven.canonical).digest()
    place: dict[str, Any] = {"leaf_hash": leaf.hex(), "checkpoint": proven.proven_by}
    index, newest = proven.entry.index, proven.proven_by
    if index is None or newest is None:
        return place
    steps = [
        {"first": low, "last": high - 1, "left": high <= index, "hash": step.hex()}
        for (low, high), step in zip(siblings(index, newest.size), proven.path, strict=True)
    ]
    holds = verify_inclusion(leaf, index, newest.size, proven.path, bytes(newest.root))
    return place | {"path": steps, "holds": holds, "sealed_by": proven.sealed_by}


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
    outcome = queries.last_outcome()
    text = f"Ledger: {newest.size:,} entries under checkpoint {newest.size:,}, signed {newest.signed_at:%H:%M:%S}"
    if outcome is not None:
        passed, at = outcome
        when = formats.relative(at, clock.now()) or formats.instant(at)
        text += f"; verified {when}" if passed else f"; verified {when}, and it does not hold"
    return LedgerState(
        text=text,
        url=reverse("ledger:trail"),
        digest=bytes(newest.root).hex(),
        verified=outcome is not None and outcome[0],
        failed=outcome is not None and not outcome[0],
    )


def _changes(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[tuple[str, Shown, Shown, bool]]:
    """Field, value before, value after, and whether it changed; details last."""
    old, new = dict(before or {}), dict(after or {})
    rows = []
    for name in sorted({*old, *new} - {"details"}):
        changed = before is not None and old.get(name) != new.get(name)
        rows.append((name, _shown(old, name), _shown(new, name), changed))
    rows.sort(key=lambda row: not row[3])
    for name, value in sorted((new.get("details") or {}).items()):
        rows.append((f"details.{name}", "", _shown({name: value}, name), False))
    return rows


def _shown(state: Mapping[str, Any], name: str) -> Shown:
    if name not in state:
        return ""
    value = state[name]
    if value is None:
        return "none"
    if not isinstance(value, str):
        return orjson.dumps(value).decode()
    words = words_of(value)
    return value if words is None else Sentence.of(words).__html__()


def _verbs(chosen: str) -> list[tuple[str, list[str]]]:
    """The kinds of entries to choose from by domain, each domain as a whole first, and what is chosen now."""
    names = [verb.name for verb in verbs.all_verbs()]
    domains = {name.partition(".")[0]: [f"{name.partition('.')[0]}."] for name in names}
    for name in names:
        domains[name.partition(".")[0]].append(name)
    known = {name for group in domains.values() for name in group}
    return [*([("", [chosen])] if chosen and chosen not in known else []), *domains.items()]


def _chips(request: HttpRequest, form: TrailFilter) -> list[tuple[str, str, str]]:
    """Applied filters: what each narrows, to what, and the URL without it."""
    if not form.is_bound:
        return []
    given = form.cleaned_data
    shown = {
        "verb": ("What", given["verb"]),
        "who": ("Who", given["who"]),
        "actor": ("Who", name_of(given["actor"]) if given["actor"] else ""),
        "kind": ("About a", dict(kinds()).get(given["kind"], "")),
        "subject": ("About", str(given["subject"] or "")[-12:]),
        "act": ("Act", str(given["act"] or "")[-12:]),
        "since": ("From", formats.day(given["since"]) if given["since"] else ""),
        "until": ("To", formats.day(given["until"]) if given["until"] else ""),
    }
    return [
        (label, value, f"?{_without(request, name, 'cursor')}")
        for name, (label, value) in shown.items()
        if value
    ]


def _without(request: HttpRequest, *names: str) -> str:
    query = request.GET.copy()
    for name in names:
        query.pop(name, None)
    return query.urlencode()
