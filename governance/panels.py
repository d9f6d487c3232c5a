"""What governance adds to the registry's pages: the gate's answer, where a model is, tier and purpose, and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from countersign.permissions import Permission
from countersign.web.guards import actor_of_request
from countersign.web.panels import Panel, register
from governance.environments.models import Environment
from governance.environments.queries import environments_in_order
from governance.evaluation.measures.catalogue import HEADLINES, METRICS
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.suites import SUITES
from governance.evaluation.writing import span, written
from governance.profiles.queries import profile_of
from governance.promotion.live import live_of
from governance.promotion.models import LivePeriod
from governance.promotion.next_acts import unmet
from governance.promotion.queries import Gate, gate_of, gate_title, live_in
from governance.reviews.figures import state_of, tally_of
from governance.reviews.models import Review, ReviewState
from governance.reviews.queries import newest_review, standings_of, with_their_rows
from registry.versions import columns
from registry.versions.columns import Column
from registry.versions.models import ModelVersion, RegisteredModel

_asked: WeakKeyDictionary[HttpRequest, dict[tuple[UUID, UUID], Gate]] = WeakKeyDictionary()


def _gate(request: HttpRequest, version: ModelVersion, environment: Environment) -> Gate:
    """The gate's answer, asked once for a page however many of its panels show it."""
    asked = _asked.setdefault(request, {})
    key = (version.pk, environment.pk)
    if key not in asked:
        asked[key] = gate_of(version=version, environment=environment)
    return asked[key]


def gates(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    """The gate's answer for each environment, the last one in full."""
    actor, team = actor_of_request(request), version.model.team_id
    answers = []
    for environment in environments_in_order():
        period = live_in(environment, version.model)
        gate = _gate(request, version, environment)
        answers.append(
            {
                "environment": environment,
                "gate": gate,
                "live_here": period is not None and period.version_id == version.pk,
                "standing": gate.standing,
                "title": gate_title(gate, environment),
                "unmet": unmet(gate, version=version, environment=environment, actor=actor),
                "may_promote": actor.may(Permission.PROMOTE, team),
                "may_roll_back": actor.may(Permission.ROLL_BACK, team),
            }
        )
    return {"answers": answers[::-1]}


def acts(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any] | None:
    """Ask for a review, or promote: for the last environment. A refused act stays and says why."""
    environment = environments_in_order().last()
    if environment is None:
        return None
    actor, team = actor_of_request(request), version.model.team_id
    gate = _gate(request, version, environment)
    period = live_in(environment, version.model)
    review = gate.standing.review if gate.standing else None
    return {
        "environment": environment,
        "live_here": period is not None and period.version_id == version.pk,
        "allowed": gate.verdict.allowed,
        "review": review,
        "may_promote": actor.may(Permission.PROMOTE, team),
        "may_roll_back": actor.may(Permission.ROLL_BACK, team),
        "may_ask": actor.holds(Permission.REQUEST_REVIEW, team) and review is None,
        "beside": _beside(version, period),
    }


def _beside(version: ModelVersion, period: LivePeriod | None) -> int | None:
    """The version this one is compared with first: the live one, or else the one before."""
    if period is not None and period.version_id != version.pk:
        return period.version.number
    earlier = ModelVersion.objects.filter(model=version.model_id, number__lt=version.number)
    return earlier.order_by("-number").values_list("number", flat=True).first()


def decision(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any] | None:
    """Where the version stands for the last environment: the tally of its newest review."""
    environment = environments_in_order().last()
    if environment is None:
        return None
    review = newest_review(version, environment)
    standing = standings_of([review], results=False)[0] if review else None
    return {
        "environment": environment,
        "standing": standing,
        "state": state_of(standing) if standing else None,
        "tally": tally_of(standing, size="lg") if standing else None,
        "may_ask": actor_of_request(request).holds(Permission.REQUEST_REVIEW, version.model.team_id),
    }


def production(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    """Which version is live where now."""
    return {"places": live_of([version.model])[::-1], "profile": profile_of(version.model)}


def where(request: HttpRequest, model: RegisteredModel) -> Mapping[str, Any]:
    """Where the model is, environment by environment, with the tally of the approval it lives by."""
    live = {one.period.environment_id: one for one in live_of([model])}
    places = [(environment, live.get(environment.pk)) for environment in environments_in_order()]
    return {
        "places": places[::-1],
        "may_roll_back": actor_of_request(request).holds(Permission.ROLL_BACK, model.team_id),
    }


def profile(request: HttpRequest, model: RegisteredModel) -> Mapping[str, Any]:
    """Risk tier and purpose, and who may set them."""
    may = actor_of_request(request).may(Permission.SET_PROFILE, model.team_id)
    return {"profile": profile_of(model), "may_set": may}


def headline(versions: Sequence[ModelVersion]) -> dict[UUID, SafeString]:
    """The first measure of each version's newest evidence, with its interval: ROC AUC, or R²
    where it predicts a number."""
    newest = (
        Evaluation.objects.filter(version__in=versions, state=EvaluationState.SUCCEEDED)
        .order_by("version_id", "-number")
        .distinct("version_id")
    )
    cells = {}
    for evaluation in newest:
        measure = METRICS[HEADLINES[SUITES[evaluation.suite].task][0]]
        estimate = evaluation.results_document["metrics"][measure.name]
        if estimate["value"] is not None:
            cells[evaluation.version_id] = format_html(
                '<span class="mute">{}</span> <b>{}</b> <span class="ci">{}</span>',
                measure.label,
                written(measure, estimate["value"]),
                span(measure, estimate),
            )
    return cells


def sign_offs(versions: Sequence[ModelVersion]) -> dict[UUID, SafeString]:
    """The tally of each version's newest review for the last environment."""
    newest = (
        Review.objects.filter(version__in=versions, environment=environments_in_order().last())
        .exclude(state=ReviewState.WITHDRAWN)
        .order_by("version_id", "-number")
        .distinct("version_id")
    )
    standings = standings_of(
        list(with_their_rows(Review.objects.filter(pk__in=newest.values("pk")))), results=False
    )
    return {
        one.review.version_id: format_html(
            '<span class="row in-cell">{}<a class="small nowrap" href="{}">{} of {}</a></span>',
            tally_of(one),
            reverse("governance:review", args=[one.review.number]),
            one.signed,
            len(one.slots),
        )
        for one in standings
    }


PANELS = "governance/panels"
register(page="registry.version", panel=Panel("gates", 10, "main", f"{PANELS}/gates.html", gates))
register(page="registry.version", panel=Panel("acts", 10, "head", f"{PANELS}/acts.html", acts))
register(page="registry.version", panel=Panel("decision", 10, "aside", f"{PANELS}/decision.html", decision))
register(
    page="registry.version", panel=Panel("production", 20, "aside", f"{PANELS}/production.html", production)
)
register(page="registry.model", panel=Panel("where", 10, "main", f"{PANELS}/where.html", where))
register(page="registry.model", panel=Panel("profile", 10, "aside", f"{PANELS}/profile.html", profile))
columns.register("versions", Column("Newest evidence", 10, headline))
columns.register("versions", Column("Sign-offs for production", 20, sign_offs))
