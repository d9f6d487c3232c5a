"""Pages of evaluations: those of a version with the form that asks for one, and one with its evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from countersign.accounts.forms import take_errors
from countersign.actors import Actor
from countersign.errors import CountersignError, NotFound, Refused
from countersign.jobs.queries import jobs_visible_to
from countersign.jobs.views import steps_of
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import asks_for_part, redirect_after_post, render_page
from governance.evaluation import (
    binary_page,
    costs_page,
    facts_page,
    honesty_page,
    multiclass_page,
    ranking_page,
    regression_page,
    robustness_page,
    slices_page,
)
from governance.evaluation.access import get_evaluation
from governance.evaluation.actions import request_evaluation
from governance.evaluation.evidence_rows import own_measures
from governance.evaluation.forms import EvaluationForm
from governance.evaluation.measures.catalogue import HEADLINES, METRICS, Task, enough_rows
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.queries import evaluations_of, runs_like, with_headline
from governance.evaluation.suites import SUITES
from governance.evaluation.tables import measure_rows, task_of_results
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Requirement, Yardstick, yardstick_of
from registry import links
from registry.versions.access import get_version
from registry.versions.models import ModelVersion
from registry.versions.tasks import task_of
from registry.versions.views import version_context

STATUS = {
    EvaluationState.WAITING: "waiting",
    EvaluationState.SUCCEEDED: "done",
    EvaluationState.FAILED: "failed",
    EvaluationState.CANCELLED: "not_run",
}
WEAK_ISOLATION = 2
"""Below this level the model could reach files or the network while it was measured."""
PART = "evaluation-progress"
BESIDE_MEASURES: dict[Task, Callable[[Evaluation, Yardstick], dict[str, Any]]] = {
    Task.BINARY: binary_page.context,
    Task.MULTICLASS: multiclass_page.context,
    Task.REGRESSION: regression_page.context,
    Task.RANKING: ranking_page.context,
}
"""What the page of evidence shows beside the measures, by task."""


@page({"GET": Permission.SEE, "POST": Permission.EVALUATE})
@require_http_methods(["GET", "HEAD", "POST"])
def evaluation_list(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """The evaluations of a version, newest first; POST asks for one."""
    actor = actor_of_request(request)
    status = 200
    if request.method == "POST":
        version = get_version(actor, name, number, Permission.EVALUATE)
        form = EvaluationForm(request.POST, actor=actor, version=version)
        status = 422
        if form.is_valid():
            try:
                asked = request_evaluation(
                    version=version,
                    dataset_version=form.chosen(),
                    suite=form.cleaned_data["suite"],
                    actor=actor,
                )
            except Refused:
                raise
            except CountersignError as error:
                take_errors(form, error)
            else:
                return redirect_after_post(request, address(asked, version))
    else:
        form = EvaluationForm(actor=actor, version=get_version(actor, name, number))
    context = version_context(request, name, number, "evaluations")
    version = context["version"]
    headline = METRICS[HEADLINES[task_of(version.signature)][0]]
    rows, window = window_of(request, with_headline(evaluations_of(version)), order_by=("-number",))
    visible = set(
        jobs_visible_to(actor).filter(id__in=[row.job_id for row in rows]).values_list("id", flat=True)
    )
    context |= {
        "rows": [
            {
                "evaluation": row,
                "url": address(row, version),
                "status": state_of(row),
                "suite": row.suite.partition("-")[0],
                "value": written(headline, row.headline["value"]) if row.headline else "",
                "interval": span(headline, row.headline) if row.headline else "",
                "n": row.headline["n"] if row.headline else None,
                "job_url": reverse("jobs:job", args=[row.job_id]) if row.job_id in visible else "",
            }
            for row in rows
        ],
        "headline": headline,
        "model_predicts": task_of(version.signature).value,
        "window": window,
        "form": form,
        "may": actor.may(Permission.EVALUATE, version.model.team_id),
    }
    return render_page(request, "governance/evaluation/list.html", context, status=status)


@page(Permission.SEE)
@require_safe
def evaluation_page(request: HttpRequest, name: str, number: int, evaluation: int) -> HttpResponseBase:
    """One evaluation: under way, failed, or its evidence against the policy and the champion. The part
    `evaluation-progress` polls itself until it ends, then the page is loaded anew."""
    actor = actor_of_request(request)
    version = get_version(actor, name, number)
    found = get_evaluation(actor, evaluation)
    if found.version_id != version.pk:
        raise NotFound(f"Version {number} of {version.model.name} has no evaluation {evaluation}.")
    waiting = found.state == EvaluationState.WAITING
    if not waiting and asks_for_part(request) == PART:
        return HttpResponseClientRefresh()
    found.version = version
    context = _about(found, actor)
    if waiting:
        context |= {"steps": steps_of(found.job), "percent": round(found.job.progress * 100)}
    elif found.state == EvaluationState.SUCCEEDED:
        context |= _evidence(found)
    return render_page(request, "governance/evaluation/evaluation.html", context)


def address(evaluation: Evaluation, version: ModelVersion) -> str:
    """The page of an evaluation of a version."""
    return reverse("governance:evaluation", args=[version.model.name, version.number, evaluation.number])


def state_of(evaluation: Evaluation) -> tuple[str, str]:
    """Status and word of an evaluation in a list: a waiting one is running once its job is."""
    if evaluation.state == EvaluationState.WAITING and evaluation.job.state == "running":
        return "running", "Running"
    return STATUS[EvaluationState(evaluation.state)], evaluation.get_state_display()


def _about(evaluation: Evaluation, actor: Actor) -> dict[str, Any]:
    version, data = evaluation.version, evaluation.dataset_version
    job_visible = jobs_visible_to(actor).filter(id=evaluation.job_id).exists()
    sees_data = actor.holds(Permission.SEE, data.dataset.team_id)
    ran = evaluation.circumstances_document
    return {
        "evaluation": evaluation,
        "version": version,
        "model": version.model,
        "suite": SUITES.get(evaluation.suite),
        "data": data,
        "data_url": links.dataset_version(data) if sees_data else None,
        "job_url": reverse("jobs:job", args=[evaluation.job_id]) if job_visible else "",
        "status": state_of(evaluation),
        "may": actor.may(Permission.EVALUATE, version.model.team_id),
        "circumstances": ran,
        "running": costs_page.running(ran),
        "isolation": ran.get("isolation") or {},
        "weak": "isolation" in ran and ran["isolation"]["level"] < WEAK_ISOLATION,
    }


def _evidence(evaluation: Evaluation) -> dict[str, Any]:
    results = evaluation.results_document
    task = task_of_results(results)
    yardstick = yardstick_of(evaluation)
    same = list(runs_like(evaluation).values_list("results_digest", flat=True))
    unmet = [one for one in yardstick.requirements if one.blocks]
    return (
        {
            "results": results,
            "yardstick": yardstick,
            "task": task.value,
            "measures": measure_rows(evaluation, yardstick),
            "small_group": f"A group counts from {enough_rows(task)}.",
            "unmet": unmet,
            "noted": [one for one in yardstick.requirements if not one.blocks and one.state != "met"],
            "counts": _counts(yardstick),
            "tone": "refuse" if unmet else "met" if yardstick.requirements else "doubt",
            "reruns": len(same),
            "identical": sum(digest == evaluation.results_digest for digest in same),
            "own": own_measures(results, yardstick),
            "not_met_groups": _failing(yardstick, "groups"),
            "not_met_fairness": _failing(yardstick, "fairness"),
        }
        | _of_every_task(evaluation, yardstick)
        | BESIDE_MEASURES[task](evaluation, yardstick)
    )


def _of_every_task(evaluation: Evaluation, yardstick: Yardstick) -> dict[str, Any]:
    """What the page shows below groups and fairness, whatever the model predicts."""
    return (
        slices_page.context(evaluation, yardstick)
        | robustness_page.context(evaluation, yardstick)
        | honesty_page.context(evaluation, yardstick)
        | facts_page.context(evaluation.results_document, evaluation.circumstances_document, yardstick)
    )


def _counts(yardstick: Yardstick) -> list[tuple[str, int]]:
    """How many requirements stand how, worst first; states nobody is in are left out, but for met."""
    states = [one.state for one in yardstick.requirements]
    shown = ("not_met", "not_measured", "insufficient", "waived", "met")
    return [(state, states.count(state)) for state in shown if state == "met" or state in states]


def _failing(yardstick: Yardstick, each: str) -> int:
    rules = {limit.rule_id for limit in yardstick.limits if limit.each == each}
    found: list[Requirement] = [one for one in yardstick.requirements if one.rule_id in rules]
    return sum(one.state == "not_met" for one in found)
