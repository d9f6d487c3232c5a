"""Pages of a model card: reading it, and writing its sections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_safe

from countersign.accounts.forms import take_errors
from countersign.errors import Conflict, CountersignError, NotFound, Refused
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from governance.cards.actions import save_card
from governance.cards.facts import MeasuredRow
from governance.cards.forms import WRITTEN, CardForm
from governance.cards.models import CardRevision
from governance.cards.queries import Completeness, newest_revision, revisions_of
from governance.cards.render import RenderedSection, render
from governance.cards.sections import SECTIONS
from governance.evaluation.queries import latest_evidence
from governance.evaluation.tables import drawn, shared_axis
from governance.evaluation.yardstick import Yardstick, yardstick_of
from governance.profiles.queries import profile_of
from registry.versions.access import get_version
from registry.versions.models import ModelVersion
from registry.versions.views import version_context

DRAWING_WIDTH = 150
REVISIONS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section with its measures drawn."""

    rendered: RenderedSection
    measures: list[tuple[MeasuredRow, SafeString | str]]


@page(Permission.SEE)
@require_safe
def card(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """The card of a version; `?revision=` shows an earlier text beside the facts of today."""
    context = version_context(request, name, number, "card")
    version: ModelVersion = context["version"]
    revisions = list(revisions_of(version)[: REVISIONS_SHOWN + 1])
    newest = revisions[0] if revisions else None
    shown = _asked_for(request.GET.get("revision"), version, newest)
    tier = _tier(version)
    evidence = latest_evidence(version)
    yardstick = yardstick_of(evidence) if evidence else None
    sections = render(version=version, revision=shown, evaluation=evidence, tier=tier)
    context |= {
        "card": shown,
        "newest": newest,
        "earlier": newest is not None and shown != newest,
        "tier": tier,
        "yardstick": yardstick,
        "sections": [ShownSection(one, _measures(one, yardstick)) for one in sections],
        "standing": _standing(sections, tier) if tier else None,
        "revisions": _with_changes(revisions),
        "more_revisions": len(revisions) > REVISIONS_SHOWN,
        "may": actor_of_request(request).may(Permission.EDIT_CARD, version.model.team_id),
    }
    return render_page(request, "governance/cards/card.html", context)


@page(Permission.EDIT_CARD)
@require_http_methods(["GET", "HEAD", "POST"])
def card_edit(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """Write the card. Whoever loses a race keeps what they typed, sees who saved and what, and saves again."""
    actor = actor_of_request(request)
    version = get_version(actor, name, number, Permission.EDIT_CARD)
    newest, tier = newest_revision(version), _tier(version)
    form = CardForm(request.POST if request.method == "POST" else None, card=newest, tier=tier)
    status, lost = 200, None
    contested: dict[str, str] = {}
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                saved = save_card(
                    version=version,
                    sections=form.texts(),
                    base_revision=form.cleaned_data["base_revision"],
                    actor=actor,
                )
            except Refused:
                raise
            except Conflict as conflict:
                status, lost = conflict.status, conflict
                newest = newest_revision(version)
                form, contested = _from_there(request, version, newest, tier)
            except CountersignError as error:
                status = error.status
                take_errors(form, error)
            else:
                told = "Nothing changed." if saved == newest else f"Revision {saved.number} is saved."
                messages.info(request, told)
                return redirect_after_post(request, "governance:card", name, number)
    context = version_context(request, name, number, "card") | {
        "form": form,
        "tier": tier,
        "newest": newest,
        "lost": lost,
        "contested": [(WRITTEN[name], text) for name, text in contested.items()],
        "signed": _signed_reviews(version),
        "nothing_saved": status != 200,
    }
    return render_page(request, "governance/cards/edit.html", context, status=status)


def _tier(version: ModelVersion) -> str | None:
    profile = profile_of(version.model)
    return profile.risk_tier if profile else None


def _asked_for(number: str | None, version: ModelVersion, newest: CardRevision | None) -> CardRevision | None:
    if not number:
        return newest
    found = revisions_of(version).filter(number=int(number)).first() if number.isdecimal() else None
    if found is None:
        raise NotFound(f"The card of {version} has no revision {number[:20]}.")
    return found


def _standing(sections: list[RenderedSection], tier: str) -> Completeness:
    required = [one for one in sections if one.required]
    missing = [one.section for one in required if one.absence is not None]
    return Completeness(len(required) - len(missing), len(required), missing)


def _measures(
    rendered: RenderedSection, yardstick: Yardstick | None
) -> list[tuple[MeasuredRow, SafeString | str]]:
    """Each measured row with its interval drawn, where there is something to hold it against: a limit, the
    champion, or other groups on the same axis."""
    rows = rendered.drawn.measures if rendered.drawn else ()
    by_measure: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_measure.setdefault(row.measure.name, []).append(_estimate(row))
    return [(row, _drawn(row, by_measure[row.measure.name], yardstick)) for row in rows]


def _drawn(row: MeasuredRow, beside: list[dict[str, Any]], yardstick: Yardstick | None) -> SafeString | str:
    each: Literal["", "fairness"] = "fairness" if row.attribute else ""
    limits = yardstick.limits_on(row.measure.name, each=each, attribute=row.attribute) if yardstick else []
    champion: dict[str, Any] = {}
    if yardstick and yardstick.champion and not row.attribute:
        champion = yardstick.champion.results_document["metrics"].get(row.measure.name, {})
    if not limits and not champion and len(beside) < 2:
        return ""
    bounds = [limit.value for limit in limits[:1]]
    return drawn(
        f"{row.group or row.attribute} {row.measure.label}".strip(),
        _estimate(row),
        limit=limits[0] if limits else None,
        champion=champion,
        axis=shared_axis([*beside, champion], *bounds),
        insufficient=row.absence is not None,
        width=DRAWING_WIDTH,
    )


def _estimate(row: MeasuredRow) -> dict[str, Any]:
    return {"value": row.value, "ci_low": row.ci_low, "ci_high": row.ci_high}


def _with_changes(revisions: list[CardRevision]) -> list[tuple[CardRevision, list[str]]]:
    """Each revision with the titles of the sections it changed; the last of the list is only compared with."""
    pairs = zip(
        revisions, [*revisions[1:], None], strict=False
    )  # one more than there are, unless there is none
    listed = []
    for revision, before in pairs:
        texts = before.sections if before else {}
        changed = [
            section.title
            for name, section in SECTIONS.items()
            if revision.sections.get(name) != texts.get(name)
        ]
        listed.append((revision, changed))
    return listed[:REVISIONS_SHOWN]


def _from_there(
    request: HttpRequest, version: ModelVersion, newest: CardRevision | None, tier: str | None
) -> tuple[CardForm, dict[str, str]]:
    """The form to be saved on top of what somebody else saved meanwhile: sections the writer did not touch hold
    the newest text, those they did stay as typed. Also the newest texts of sections that both changed."""
    typed = request.POST.copy()
    number = typed.get("base_revision", "")
    base = revisions_of(version).filter(number=int(number)).first() if number.isdecimal() else None
    before, theirs = (revision.sections if revision else {} for revision in (base, newest))
    contested = {}
    for name in WRITTEN:
        mine, was, now = _plain(typed.get(name, "")), before.get(name, ""), theirs.get(name, "")
        if mine == was:
            typed[name] = now
        elif now not in (was, mine):
            contested[name] = now
    typed["base_revision"] = str(newest.number) if newest else ""
    return CardForm(typed, card=newest, tier=tier), contested


def _plain(text: str) -> str:
    """A text as it is kept: browsers send CR LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _signed_reviews(version: ModelVersion) -> list[Any]:
    """Live or approved reviews of the version that hold sign-offs: saving the card makes these stale."""
    states = ("open", "changes_requested", "approved")
    return list(
        version.reviews.filter(state__in=states, sign_offs__isnull=False).distinct().order_by("number")
    )
