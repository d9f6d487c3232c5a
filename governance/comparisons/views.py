"""The page of two versions beside each other."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from countersign.errors import Invalid
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import SeeOther, redirect_after_post, render_page
from governance.cards.history import changes_between
from governance.cards.queries import newest_revision
from governance.comparisons.actions import request_comparison
from governance.comparisons.facts import facts_between
from governance.comparisons.lines import (
    MeasureLine,
    answer_table,
    file_lines,
    group_lines,
    in_words,
    measure_lines,
)
from governance.comparisons.queries import comparing_now, comparison_of, newest_pair, why_not_paired
from governance.evaluation.suites import SUITES
from governance.evaluation.yardstick import yardstick_of
from registry.versions.access import get_model, get_version
from registry.versions.tasks import Task

CHOICES = 50


@page(Permission.SEE)
@require_safe
def choose(request: HttpRequest, name: str) -> HttpResponseBase:
    """Where the form of two versions leads: to their page, or to that of the two newest."""
    model = get_model(actor_of_request(request), name)
    newest = list(model.versions.order_by("-number").values_list("number", flat=True)[:2])
    asked = [request.GET.get(key, "") for key in ("this", "with")]
    numbers = [int(text) for text in asked if text.isascii() and text.isdigit() and len(text) < 10]
    pair = numbers if len(numbers) == 2 else newest
    if len(pair) < 2:
        return SeeOther(reverse("registry:model", args=[model.name]))
    return SeeOther(reverse("governance:compare", args=[model.name, *pair]))


@page({"GET": Permission.SEE, "POST": Permission.EVALUATE})
@require_http_methods(["GET", "HEAD", "POST"])
def compare(request: HttpRequest, name: str, number: int, other: int) -> HttpResponseBase:
    """A version against another of the same model; POST measures their differences on the same rows."""
    actor = actor_of_request(request)
    version, old = get_version(actor, name, number), get_version(actor, name, other)
    evaluation, against = newest_pair(version, old)
    if evaluation is None or against is None:
        missing = version if evaluation is None else old
        why_not = f"Version {missing.number} has no evidence yet."
    else:
        why_not = why_not_paired(evaluation, against)
    if request.method == "POST":
        if evaluation is None or against is None:
            raise Invalid(why_not, code="not_comparable")
        request_comparison(evaluation=evaluation, against=against, actor=actor)
        return redirect_after_post(request, "governance:compare", name, number, other)
    comparison = comparison_of(evaluation, against) if evaluation and against and not why_not else None
    lines: list[MeasureLine] = []
    if evaluation and against and not why_not:
        lines = measure_lines(evaluation, against, comparison, yardstick_of(evaluation).margins)
    card, old_card = newest_revision(version), newest_revision(old)
    facts = list(facts_between(version, old, card))
    everything = request.GET.get("show") == "everything"
    files = file_lines(version, old)
    context = {
        "model": version.model,
        "version": version,
        "old": old,
        "numbers": version.model.versions.order_by("-number").values_list("number", flat=True)[:CHOICES],
        "evaluation": evaluation,
        "against": against,
        "why_not": why_not,
        "comparison": comparison,
        "job": comparing_now(evaluation, against) if evaluation and against and not comparison else None,
        "may_measure": actor.may(Permission.EVALUATE, version.model.team_id),
        "lines": [line for line in lines if everything or not comparison or line.difference],
        "unpaired": sum(line.difference is None for line in lines) if comparison else 0,
        "summary": in_words(lines),
        "answers": answer_table(comparison),
        "groups": group_lines(comparison),
        "counted": "queries" if evaluation and SUITES[evaluation.suite].task is Task.RANKING else "rows",
        "everything": everything,
        "facts": [fact for fact in facts if everything or fact.was != fact.now],
        "same_facts": sum(fact.was == fact.now for fact in facts),
        "files": [file for file in files if everything or not file.same],
        "same_files": sum(file.same for file in files),
        "card": card,
        "old_card": old_card,
        "card_changes": changes_between(old_card, card),
    }
    return render_page(request, "governance/comparisons/compare.html", context)
