"""Pages of promotion: what is live where, making a version live, going back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_safe

from countersign import refusals
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.permissions import Permission
from countersign.web.fields import PageForm
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import redirect_after_post, render_page
from governance.environments.queries import environment_of, environments_in_order
from governance.promotion.actions import promote, roll_back
from governance.promotion.forms import PromoteForm, RollbackForm
from governance.promotion.models import LivePeriod
from governance.promotion.queries import gate_of, live_in, promoter_verdict, promotions_visible_to
from registry.versions.access import get_model, get_version
from registry.versions.queries import models_visible_to


@page(Permission.SEE)
@require_safe
def environments(request: HttpRequest) -> HttpResponse:
    """What is live where, since when and by whose decision; then every promotion, newest first."""
    actor = actor_of_request(request)
    periods = (
        LivePeriod.objects.filter(model__in=models_visible_to(actor), during__upper_inf=True)
        .select_related("environment", "model", "version__model", "promotion__review")
        .order_by("environment__position", "model__name_folded")
    )
    live: dict[Any, list[dict[str, Any]]] = {}
    for period in periods:
        may = actor.holds(Permission.ROLL_BACK, period.model.team_id)
        live.setdefault(period.environment_id, []).append({"period": period, "may_roll_back": may})
    promotions, window = window_of(request, promotions_visible_to(actor), order_by=("-number",), size=25)
    context = {
        "environments": [(one, live.get(one.pk, [])) for one in environments_in_order()],
        "promotions": promotions,
        "window": window,
    }
    return render_page(request, "governance/promotion/environments.html", context)


@page(Permission.SEE)
@require_http_methods(["GET", "HEAD", "POST"])
def promotion(request: HttpRequest, name: str, number: int, slug: str) -> HttpResponseBase:
    """Make a version live; where the gate refuses, the page says why and offers no button."""
    actor = actor_of_request(request)
    version, environment = get_version(actor, name, number), environment_of(slug)
    live = live_in(environment, version.model)
    form = PromoteForm(request.POST or None, initial={"expected_live": live.version.number if live else 0})

    def act() -> None:
        promote(
            version=version,
            environment=environment,
            reason=form.cleaned_data["reason"],
            expected_live=form.cleaned_data["expected_live"],
            actor=actor,
        )

    status, moved = _try(request, form, actor, act, f"promote {version} to {environment.slug}")
    if status == 0:
        return redirect_after_post(request, "registry:version", name, number)
    gate = gate_of(version=version, environment=environment)
    context = {
        "version": version,
        "model": version.model,
        "environment": environment,
        "live": live_in(environment, version.model),
        "gate": gate,
        "standing": gate.standing,
        "verdict": promoter_verdict(gate, actor) if gate.verdict else gate.verdict,
        "permission": actor.may(Permission.PROMOTE, version.model.team_id),
        "form": form,
        "moved": moved,
    }
    return render_page(request, "governance/promotion/promote.html", context, status=status)


@page(Permission.ROLL_BACK)
@require_http_methods(["GET", "HEAD", "POST"])
def rollback(request: HttpRequest, name: str, slug: str) -> HttpResponseBase:
    """Go back to a version that was live here."""
    actor = actor_of_request(request)
    model, environment = get_model(actor, name, Permission.ROLL_BACK), environment_of(slug)
    live = live_in(environment, model)
    earlier = (
        LivePeriod.objects.filter(environment=environment, model=model)
        .exclude(version=live.version_id if live else None)
        .select_related("version")
        .order_by("-during")
    )
    numbers = {
        period.version.number: f"Version {period.version.number}, live until {period.during.upper:%d %b %Y %H:%M} UTC"
        for period in reversed(earlier)
    }
    choices = sorted(numbers.items(), reverse=True)
    form = RollbackForm(
        request.POST or None,
        numbers=choices,
        initial={"expected_live": live.version.number if live else 0, "version": choices[0][0] if choices else None},
    )

    def act() -> None:
        roll_back(
            version=get_version(actor, name, form.cleaned_data["version"]),
            environment=environment,
            reason=form.cleaned_data["reason"],
            expected_live=form.cleaned_data["expected_live"],
            actor=actor,
        )

    status, moved = _try(request, form, actor, act, f"roll {model} back in {environment.slug}")
    if status == 0:
        return redirect_after_post(request, "governance:environments")
    context = {
        "model": model,
        "environment": environment,
        "live": live_in(environment, model),
        "choices": choices,
        "form": form,
        "moved": moved,
    }
    return render_page(request, "governance/promotion/rollback.html", context, status=status)


def _try(
    request: HttpRequest, form: PageForm, actor: Actor, act: Callable[[], None], attempted: str
) -> tuple[int, str]:
    """Do the act of a posted form. Gives the status of the page to draw (0: it was done) and what moved on."""
    if request.method != "POST":
        return 200, ""
    if not form.is_valid():
        return 422, ""
    try:
        act()
    except Invalid as error:
        for name, sentences in error.fields.items():
            for sentence in sentences:
                form.add_error(name if name in form.fields else None, forms.ValidationError(sentence))
        return 422, ""
    except Refused as error:
        refusals.record(actor, error.verdict, attempted=attempted)
        for reason in error.verdict.reasons:
            form.add_error(None, reason.message)
        return error.status, ""
    except Conflict as error:
        return error.status, error.message
    return 0, ""
