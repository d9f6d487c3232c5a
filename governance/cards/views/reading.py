"""Pages of a model card to read: the card, and its revisions word by word."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from countersign.errors import NotFound
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import render_page
from governance.cards.forms import WRITTEN
from governance.cards.history import card_to_begin_from, changed_between, changes_between, lines_of
from governance.cards.models import CardRevision
from governance.cards.queries import revisions_of
from governance.cards.views.showing import shown_card
from registry.versions.models import ModelVersion
from registry.versions.views import version_context

REVISIONS_SHOWN = 8


@page(Permission.SEE)
@require_safe
def card(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """The card of a version; `?revision=` shows an earlier text beside the facts of today."""
    context = version_context(request, name, number, "card")
    version: ModelVersion = context["version"]
    revisions = list(revisions_of(version)[: REVISIONS_SHOWN + 1])
    newest = revisions[0] if revisions else None
    shown = _asked_for(request.GET.get("revision"), version, newest)
    seen = shown_card(version, shown, card_to_begin_from(version) if shown else None)
    context |= {
        "card": shown,
        "newest": newest,
        "earlier": newest is not None and shown != newest,
        "tier": seen.tier,
        "yardstick": seen.yardstick,
        "sections": seen.sections,
        "standing": seen.standing,
        "lines": lines_of(revisions[:REVISIONS_SHOWN]),
        "more_revisions": len(revisions) > REVISIONS_SHOWN,
        "may": actor_of_request(request).may(Permission.EDIT_CARD, version.model.team_id),
    }
    return render_page(request, "governance/cards/card.html", context)


@page(Permission.SEE)
@require_safe
def card_revisions(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """Every revision with who saved it when and what it changed; `?from=` and `?to=` read any two against each
    other, word by word (`?to=` alone: against the one before)."""
    context = version_context(request, name, number, "card")
    version: ModelVersion = context["version"]
    revisions = revisions_of(version)
    newest = revisions.first()
    rows, window = window_of(request, revisions, order_by=("-number",))
    after = _asked_for(request.GET.get("to"), version, newest)
    before = _before(request.GET.get("from"), version, after)
    context |= {
        "lines": lines_of(rows),
        "window": window,
        "newest": newest,
        "before": before,
        "after": after,
        "changes": changes_between(before, after),
        "equal": [section for section in WRITTEN.values() if section not in changed_between(before, after)],
    }
    return render_page(request, "governance/cards/revisions.html", context)


def _before(asked: str | None, version: ModelVersion, after: CardRevision | None) -> CardRevision | None:
    """The revision read against `after`: the one asked for, 0 for an empty card, else the one before."""
    if asked == "0" or after is None or (not asked and after.number == 1):
        return None
    return _asked_for(asked or str(after.number - 1), version, after)


def _asked_for(number: str | None, version: ModelVersion, newest: CardRevision | None) -> CardRevision | None:
    if not number:
        return newest
    found = (
        revisions_of(version).filter(number=int(number)).first()
        if number.isdecimal() and len(number) < 10
        else None
    )
    if found is None:
        raise NotFound(f"The card of {version} has no revision {number[:20]}.")
    return found
