"""Asking for a review of a version."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from countersign import refusals
from countersign.actors import Actor
from countersign.api.idempotency import answered_before, done_once
from countersign.errors import Conflict, Invalid, Refused
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from governance.environments.models import Environment
from governance.environments.queries import environment_of, environments_in_order
from governance.policies.document import PolicyDocument
from governance.policies.models import PolicyRevision
from governance.policies.queries import policy_in_force
from governance.policies.rules import document_of
from governance.profiles.queries import profile_of
from governance.reviews.actions import request_review
from governance.reviews.forms import AskForm, take_errors
from governance.reviews.models import LIVE, Review
from governance.reviews.page import new_token
from governance.reviews.renewal import words_for_renewing
from governance.reviews.views.keeping import token_of
from registry.versions.access import get_version
from registry.versions.models import ModelVersion


@page(Permission.REQUEST_REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """Ask for a review of a version; `?environment=` chooses one."""
    actor = actor_of_request(request)
    version = get_version(actor, name, number, Permission.REQUEST_REVIEW)
    environments = list(environments_in_order())
    form = ask_form(version, environments, request)
    status, moved = 200, ""
    if before := answered_before(actor, token_of(request)):
        return redirect_after_post(request, before)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            given = form.cleaned_data
            try:
                address = done_once(actor, token_of(request), lambda: _asked(version, given, actor))
            except Invalid as error:
                take_errors(form, error)
            except Conflict as error:
                status, moved = error.status, error.message
            except Refused as error:
                refusals.record(actor, error.verdict, attempted=f"ask for a review of {version}")
                status = error.status
                for reason in error.verdict.reasons:
                    form.add_error(None, reason.message)
            else:
                return redirect_after_post(request, address)
    context = {
        "version": version,
        "model": version.model,
        "form": form,
        "moved": moved,
        "once": new_token,
        "policies": _policies(version, environments),
    }
    return render_page(request, "governance/reviews/ask.html", context, status=status)


def _asked(version: ModelVersion, given: dict[str, Any], actor: Actor) -> str:
    review = request_review(
        version=version,
        environment=environment_of(given["environment"]),
        reason=given["reason"],
        due_on=given["due_on"],
        actor=actor,
    )
    return reverse("governance:review", args=[review.number])


def ask_form(version: ModelVersion, environments: list[Environment], request: HttpRequest) -> AskForm:
    """The form to ask for a review: environments without a policy or with an open review are refused in it."""
    sent: Any = request.POST if request.method == "POST" else None
    refused = _why_not(version, environments)
    wanted = request.GET.get("environment", "")
    able = [one.slug for one in environments if one.slug not in refused]
    chosen = wanted if wanted in able else next(iter(reversed(able)), "")
    environment = next((one for one in environments if one.slug == chosen), None)
    return AskForm(
        sent,
        environments=environments,
        refused=refused,
        initial={
            "environment": chosen,
            "reason": words_for_renewing(version, environment) if environment else "",
        },
    )


def _policies(
    version: ModelVersion, environments: list[Environment]
) -> list[tuple[Environment, PolicyRevision, PolicyDocument]]:
    """The policies in force for the model's tier, by environment."""
    profile = profile_of(version.model)
    revisions = [(one, policy_in_force(profile.risk_tier, one)) for one in environments] if profile else []
    return [(one, revision, document_of(revision)) for one, revision in revisions if revision]


def _why_not(version: ModelVersion, environments: list[Environment]) -> dict[str, str]:
    """Environments no review can be asked for now, with the reason."""
    profile = profile_of(version.model)
    if profile is None:
        return {
            one.slug: "The model has no risk tier yet. Its owner sets one on the model's page."
            for one in environments
        }
    live = {
        review.environment_id: review.number
        for review in Review.objects.filter(version=version, state__in=LIVE)
    }
    refused = {}
    for one in environments:
        if one.id in live:
            refused[one.slug] = f"Review {live[one.id]} is open already."
        elif policy_in_force(profile.risk_tier, one) is None:
            refused[one.slug] = f"No policy is in force for {profile.risk_tier} tier there."
    return refused
