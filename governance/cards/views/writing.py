"""Pages of a model card to write: all its sections in one form, or one section by itself.

A form is saved, previewed or filled from the card of an earlier version by the button pressed; every answer holds
what was typed. Whoever loses a race sees what the other changed, word by word, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import resolve_url
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from countersign.accounts.forms import take_errors
from countersign.errors import Conflict, CountersignError, NotFound, Refused
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.markdown import render_markdown
from countersign.web.render import redirect_after_post, render_page
from governance.cards.actions import save_card, save_section
from governance.cards.forms import WRITTEN, CardForm
from governance.cards.history import card_to_begin_from
from governance.cards.models import CardRevision
from governance.cards.queries import newest_revision, revisions_of
from governance.cards.sections import Section
from governance.cards.views.showing import shown_card, tier_of
from governance.cards.words import Words, words_between
from registry.versions.access import get_version
from registry.versions.models import ModelVersion
from registry.versions.views import version_context


@dataclass(frozen=True, slots=True)
class Preview:
    """A section as it would be read, and what differs from the newest revision."""

    section: Section
    html: SafeString
    words: Words


@dataclass(frozen=True, slots=True)
class Contest:
    """A section two people changed: what the other did since one began, and what saving now would do to that."""

    section: Section
    theirs: Words
    ours: Words


@page(Permission.EDIT_CARD)
@require_http_methods(["GET", "HEAD", "POST"])
def card_edit(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """Write the card, all sections at once."""
    version = get_version(actor_of_request(request), name, number, Permission.EDIT_CARD)
    return _write(request, version, None)


@page(Permission.EDIT_CARD)
@require_http_methods(["GET", "HEAD", "POST"])
def card_section(request: HttpRequest, name: str, number: int, section: str) -> HttpResponseBase:
    """Write one section beside its drawn facts. What others save in the rest of the card is no conflict."""
    version = get_version(actor_of_request(request), name, number, Permission.EDIT_CARD)
    if section not in WRITTEN:
        raise NotFound("There is no such section to write: it is drawn from facts, or no card has it.")
    return _write(request, version, WRITTEN[section])


def _write(request: HttpRequest, version: ModelVersion, only: Section | None) -> HttpResponseBase:
    newest, tier, begun_from = newest_revision(version), tier_of(version), card_to_begin_from(version)
    sections = [only] if only else list(WRITTEN.values())
    act = request.POST.get("act", "save") if request.method == "POST" else ""
    typed, taken = _typed(request, sections, newest, begun_from if act == "take" else None)
    form = CardForm(typed if act else None, card=newest, tier=tier, sections=sections)
    status, lost = 200, None
    contests: list[Contest] = []
    previews: list[Preview] = []
    if act and not form.is_valid():
        status = 422
    elif act == "preview":
        previews = _previews(form, sections, newest, all_of_them=only is not None)
    elif act == "save":
        try:
            saved = _save(request, version, form, only)
        except Refused:
            raise
        except Conflict as conflict:
            status, lost = conflict.status, conflict
            newest = newest_revision(version)
            typed, contests = _from_there(typed, version, newest, sections)
            form = CardForm(typed, card=newest, tier=tier, sections=sections)
        except CountersignError as error:
            status = error.status
            take_errors(form, error)
        else:
            told = "Nothing changed." if saved == newest else f"Revision {saved.number} is saved."
            messages.info(request, told)
            url = resolve_url("governance:card", version.model.name, version.number)
            return redirect_after_post(request, f"{url}#{only.id}" if only else url)
    context = version_context(request, version.model.name, version.number, "card") | {
        "form": form,
        "tier": tier,
        "newest": newest,
        "lost": lost,
        "contests": contests,
        "previews": previews,
        "previewed": act == "preview" and status == 200,
        "begun_from": begun_from,
        "taken": taken,
        "can_take": _empty_here(typed if act else None, sections, newest, begun_from),
        "signed": _signed_reviews(version),
        # Where the form holds more than was typed, the browser must not put its own copy over it.
        "nothing_saved": bool(act) and lost is None and act != "take",
    }
    if only is None:
        return render_page(request, "governance/cards/edit.html", context, status=status)
    seen = shown_card(version, newest)
    context |= {
        "section": only,
        "shown": seen.section(only.id),
        "yardstick": seen.yardstick,
        "bound": form[only.id],
        "written": list(WRITTEN.values()),
    }
    return render_page(request, "governance/cards/section.html", context, status=status)


def _save(request: HttpRequest, version: ModelVersion, form: CardForm, only: Section | None) -> CardRevision:
    actor, base = actor_of_request(request), form.cleaned_data["base_revision"]
    if only is None:
        return save_card(version=version, sections=form.texts(), base_revision=base, actor=actor)
    return save_section(
        version=version, section=only.id, text=form.texts()[only.id], base_revision=base, actor=actor
    )


def _typed(
    request: HttpRequest,
    sections: Iterable[Section],
    newest: CardRevision | None,
    source: CardRevision | None,
) -> tuple[QueryDict, list[Section]]:
    """What was sent; with `source`, its texts in the sections left empty, which are listed too."""
    typed = request.POST.copy()
    taken = _empty_here(typed, sections, newest, source)
    for section in taken:
        typed[section.id] = source.sections[section.id] if source else ""
    return typed, taken


def _empty_here(
    typed: QueryDict | None,
    sections: Iterable[Section],
    newest: CardRevision | None,
    source: CardRevision | None,
) -> list[Section]:
    """The sections without a word here that the other card has a text for."""
    texts: Any = typed if typed is not None else newest.sections if newest else {}
    theirs = source.sections if source else {}
    return [one for one in sections if theirs.get(one.id) and not str(texts.get(one.id, "")).strip()]


def _previews(
    form: CardForm, sections: Iterable[Section], newest: CardRevision | None, *, all_of_them: bool
) -> list[Preview]:
    before = newest.sections if newest else {}
    texts = {name: _plain(text) for name, text in form.texts().items()}
    return [
        Preview(one, render_markdown(texts[one.id]), words_between(before.get(one.id, ""), texts[one.id]))
        for one in sections
        if all_of_them or texts[one.id] != before.get(one.id, "")
    ]


def _from_there(
    typed: QueryDict, version: ModelVersion, newest: CardRevision | None, sections: Iterable[Section]
) -> tuple[QueryDict, list[Contest]]:
    """The form to be saved on top of what somebody else saved meanwhile: sections the writer did not touch hold
    the newest text, those they did stay as typed. Also the sections that both changed."""
    number = typed.get("base_revision", "")
    base = (
        revisions_of(version).filter(number=int(number)).first()
        if number.isdecimal() and len(number) < 10
        else None
    )
    before, theirs = (revision.sections if revision else {} for revision in (base, newest))
    contests = []
    for section in sections:
        name = section.id
        mine, was, now = _plain(typed.get(name, "")), before.get(name, ""), theirs.get(name, "")
        if mine == was:
            typed[name] = now
        elif now not in (was, mine):
            contests.append(Contest(section, words_between(was, now), words_between(now, mine)))
    typed["base_revision"] = str(newest.number) if newest else ""
    return typed, contests


def _plain(text: str) -> str:
    """A text as it is kept: browsers send CR LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _signed_reviews(version: ModelVersion) -> list[Any]:
    """Live or approved reviews of the version that hold sign-offs: saving the card makes these stale."""
    states = ("open", "changes_requested", "approved")
    return list(
        version.reviews.filter(state__in=states, sign_offs__isnull=False).distinct().order_by("number")
    )
