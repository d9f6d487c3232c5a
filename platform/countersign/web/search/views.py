"""The search page; the palette is the same list over any page (js/palette.js)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from countersign.web import search
from countersign.web.guards import actor_of_request, page
from countersign.web.render import render_page

SHOWN = 5
SHOWN_OF_ONE_KIND = 50


@page(None)
@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """What the actor may know of and `?q=` names, by kind; `?kind=` leaves one. The part `hits` is what the
    palette shows."""
    said = request.GET.get("q", "").replace("\0", "").strip()[: search.LONGEST]
    query = search.Query(said)
    actor = actor_of_request(request)
    found = search.find(actor, query, limit=SHOWN) if said else []
    chosen = request.GET.get("kind", "")
    one = next((kind for kind, _ in found if kind.name == chosen), None)
    shown = [(one, one.find(actor, query, SHOWN_OF_ONE_KIND))] if one else found
    context = {
        "q": said,
        "total": sum(hits.total for _, hits in found),
        "chosen": one.name if one else "",
        "tabs": [(kind.label, hits.total, _url(said, kind.name), kind.name) for kind, hits in found],
        "all_url": _url(said),
        "groups": [_group(query, kind, hits) for kind, hits in shown],
    }
    return render_page(request, "search/search.html", context)


def _group(query: search.Query, kind: search.Kind, found: search.Found) -> dict[str, Any]:
    return {
        "label": kind.label,
        "total": found.total,
        "more": found.total - len(found.hits),
        "counted": found.total < search.COUNTED,
        "url": _url(query.text, kind.name),
        "hits": [(hit, query.marked(hit.title), query.marked(hit.about)) for hit in found.hits],
    }


def _url(said: str, kind: str = "") -> str:
    query = {"q": said} | ({"kind": kind} if kind else {})
    return f"{reverse('search:search')}?{urlencode(query)}"
