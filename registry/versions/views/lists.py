"""The list of models: what stands in the URL narrows it, sorts it, and is shown as chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from countersign.actors import Actor
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import render_page
from registry.versions import columns, listing
from registry.versions.columns import Sort
from registry.versions.listing import Filter, Order
from registry.versions.queries import models_visible_to


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is applied: what it says, and the address without it."""

    label: str
    words: str
    without: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A filter that may be added: each choice with the address that adds it."""

    label: str
    choices: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column. `address` sorts by it; `sorted_by` is the value of `aria-sort` where it is the order."""

    title: str
    numeric: bool
    address: str = ""
    sorted_by: str = ""


@page(Permission.SEE)
@require_safe
def model_list(request: HttpRequest) -> HttpResponse:
    """Registered models the actor may see. `?q=` searches, each filter narrows by its name, `?archived=1` shows the
    archived ones, `?sort=` names the order."""
    actor = actor_of_request(request)
    q, archived = request.GET.get("q", "").strip(), request.GET.get("archived") in ("1", "true")
    given = {one.name: request.GET.get(one.name, "") for one in listing.filters()}
    order = listing.order_of(request.GET.get("sort", ""))
    found = models_visible_to(actor).filter(archived_at__isnull=not archived)
    if q:
        found = listing.searched(found, q)
    found = listing.narrowed(found, actor, given)
    found, order_by = order.applied(found)
    models, window = window_of(request, found, order_by=order_by)
    chips, offers = _chips(request, actor, given)
    may = actor.holds_anywhere(Permission.REGISTER)
    context = {
        "rows": columns.cells("models", models),
        "heads": _heads(request, order),
        "window": window,
        "order": order,
        "q": q,
        "archived": archived,
        "kept": [(name, value) for name, value in request.GET.items() if name not in ("q", "at")],
        "chips": chips,
        "offers": offers,
        "archived_address": _address(request, archived=None if archived else "1"),
        "without_q": _address(request, q=None),
        "narrowed": bool(q or chips or archived),
        "last": _last_filter(request),
        "may_register": may,
        "host": request.build_absolute_uri("/").rstrip("/"),
    }
    return render_page(request, "registry/models.html", context)


def _address(request: HttpRequest, **changes: str | None) -> str:
    """This page's address with these changes; None takes a parameter away. The cursor goes too: it counted in
    another list."""
    query = request.GET.copy()
    query.pop("at", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = value
    return f"{request.path}?{query.urlencode()}" if query else request.path


def _chips(request: HttpRequest, actor: Actor, given: Mapping[str, str]) -> tuple[list[Chip], list[Offer]]:
    chips, offers = [], []
    for one in listing.filters():
        choices = one.choices(actor)
        if value := given[one.name]:
            words = next(choice.words for choice in choices if choice.value == value)
            chips.append(Chip(one.label, words, _address(request, **{one.name: None})))
        elif len(choices) > 1:
            offers.append(_offer(request, one, choices))
    return chips, offers


def _offer(request: HttpRequest, one: Filter, choices: Sequence[listing.Choice]) -> Offer:
    return Offer(
        one.label, [(choice.words, _address(request, **{one.name: choice.value})) for choice in choices]
    )


def _last_filter(request: HttpRequest) -> str:
    """The address without the filter that was added last; empty where there is none."""
    names = [name for name in request.GET if name not in ("at", "sort")]
    return _address(request, **{names[-1]: None}) if names else ""


def _heads(request: HttpRequest, order: Order) -> list[Head]:
    heads = [_head(request, order, "Model", listing.NAME, numeric=False)]
    for column in columns.columns_of("models"):
        if column.sort:
            heads.append(_head(request, order, column.title, column.sort, numeric=column.numeric))
        else:
            heads.append(Head(column.title, column.numeric))
    return heads


def _head(request: HttpRequest, order: Order, title: str, sort: Sort, *, numeric: bool) -> Head:
    here = order.sort is sort
    falls = not order.falling if here else sort.falls
    said = "" if not here else "descending" if order.falling else "ascending"
    return Head(title, numeric, _address(request, sort=f"-{sort.name}" if falls else sort.name), said)
