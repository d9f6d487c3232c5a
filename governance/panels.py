"""What governance adds to the registry's pages: the gate's answer, where a model is, tier and purpose, and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from countersign.permissions import Permission
from countersign.verdicts import Verdict
from countersign.web.formats import plural, score
from countersign.web.guards import actor_of_request
from countersign.web.panels import Panel, register
from governance.environments.queries import environments_in_order
from governance.evaluation.models import Evaluation, EvaluationState
from governance.profiles.models import ModelProfile
from governance.profiles.queries import profile_of
from governance.promotion.models import LivePeriod
from governance.promotion.queries import gate_of, live_anywhere, live_in
from governance.reviews.figures import tally_of
from governance.reviews.models import Review, ReviewState
from governance.reviews.queries import standings_of, with_their_rows
from registry.versions import columns
from registry.versions.columns import Column
from registry.versions.models import ModelVersion, RegisteredModel


def gates(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    """The gate's answer for each environment, the last one in full."""
    answers = []
    for environment in environments_in_order():
        period = live_in(environment, version.model)
        gate = gate_of(version=version, environment=environment)
        answers.append(
            {
                "environment": environment,
                "gate": gate,
                "live_here": period is not None and period.version_id == version.pk,
                "standing": gate.standing,
                "title": _title(gate.verdict, environment.name.lower()),
            }
        )
    return {"answers": answers[::-1]}


def _title(verdict: Verdict, place: str) -> str:
    if verdict:
        return f"Promotion to {place} is allowed"
    return f"Promotion to {place} is refused, for {plural(len(verdict.reasons), 'reason')}"


def acts(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any] | None:
    """Ask for a review, or promote: for the last environment. A refused act stays and says why."""
    environment = environments_in_order().last()
    if environment is None:
        return None
    actor, team = actor_of_request(request), version.model.team_id
    gate = gate_of(version=version, environment=environment)
    period = live_in(environment, version.model)
    review = gate.standing.review if gate.standing else None
    return {
        "environment": environment,
        "live_here": period is not None and period.version_id == version.pk,
        "allowed": gate.verdict.allowed,
        "review": review,
        "may_promote": actor.may(Permission.PROMOTE, team),
        "may_ask": actor.holds(Permission.REQUEST_REVIEW, team) and review is None,
    }


def production(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    """Which version is live where now."""
    return {
        "periods": list(
            live_anywhere(version.model).select_related("version", "environment", "promotion__review")
        )
    }


def where(request: HttpRequest, model: RegisteredModel) -> Mapping[str, Any]:
    """Where the model is, environment by environment, with the tally of the approval it lives by."""
    actor = actor_of_request(request)
    periods = {
        period.environment_id: period
        for period in live_anywhere(model).select_related(
            "version__model", "environment", "promotion__review"
        )
    }
    reviews = [period.promotion.review_id for period in periods.values() if period.promotion.review_id]
    standings = {
        standing.review.pk: standing
        for standing in standings_of(
            list(with_their_rows(Review.objects.filter(pk__in=reviews))), results=False
        )
    }
    places = []
    for environment in environments_in_order():
        period = periods.get(environment.pk)
        standing = standings.get(period.promotion.review_id) if period else None
        places.append((environment, period, tally_of(standing, size="md") if standing else None))
    return {"places": places[::-1], "may_roll_back": actor.holds(Permission.ROLL_BACK, model.team_id)}


def profile(request: HttpRequest, model: RegisteredModel) -> Mapping[str, Any]:
    """Risk tier and purpose, and who may set them."""
    may = actor_of_request(request).may(Permission.SET_PROFILE, model.team_id)
    return {"profile": profile_of(model), "may_set": may}


def tiers(models: Sequence[RegisteredModel]) -> dict[UUID, SafeString]:
    """The risk tier of each model."""
    return {
        one.model_id: format_html("{}", one.get_risk_tier_display())
        for one in ModelProfile.objects.filter(model__in=models)
    }


def live(models: Sequence[RegisteredModel]) -> dict[UUID, SafeString]:
    """The version of each model in the last environment, with its tally."""
    environment = environments_in_order().last()
    periods = list(
        LivePeriod.objects.filter(
            environment=environment, model__in=models, during__upper_inf=True
        ).select_related("version__model", "promotion")
    )
    reviews = Review.objects.filter(pk__in=[p.promotion.review_id for p in periods if p.promotion.review_id])
    standings = {one.review.pk: one for one in standings_of(list(with_their_rows(reviews)), results=False)}
    cells = {}
    for period in periods:
        standing = standings.get(period.promotion.review_id)
        cells[period.model_id] = format_html(
            '<span class="row in-cell">{}<a href="{}"><b>{}</b></a></span>',
            tally_of(standing) if standing else "",
            reverse("registry:version", args=[period.version.model.name, period.version.number]),
            period.version.number,
        )
    return cells


def headline(versions: Sequence[ModelVersion]) -> dict[UUID, SafeString]:
    """ROC AUC of each version's newest evidence, with its interval."""
    newest = (
        Evaluation.objects.filter(version__in=versions, state=EvaluationState.SUCCEEDED)
        .order_by("version_id", "-number")
        .distinct("version_id")
    )
    cells = {}
    for evaluation in newest:
        auc = evaluation.results_document["metrics"]["roc_auc"]
        if auc["value"] is not None:
            cells[evaluation.version_id] = format_html(
                '<b>{}</b> <span class="ci">{} to {}</span>',
                score(auc["value"]),
                score(auc["ci_low"]),
                score(auc["ci_high"]),
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
register(
    page="registry.version", panel=Panel("production", 20, "aside", f"{PANELS}/production.html", production)
)
register(page="registry.model", panel=Panel("where", 10, "main", f"{PANELS}/where.html", where))
register(page="registry.model", panel=Panel("profile", 10, "aside", f"{PANELS}/profile.html", profile))
columns.register("models", Column("Tier", 10, tiers))
columns.register("models", Column("In production", 20, live))
columns.register("versions", Column("ROC AUC, newest evidence", 10, headline))
columns.register("versions", Column("Sign-offs for production", 20, sign_offs))
