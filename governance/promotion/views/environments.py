"""What is live where, now and on a day, and rolling back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from countersign import clock, refusals
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.permissions import Permission
from countersign.web.formats import day
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import redirect_after_post, render_page
from governance.environments.models import Environment
from governance.environments.queries import environment_of, environments_in_order
from governance.promotion.actions import roll_back
from governance.promotion.forms import DayForm, RollbackForm
from governance.promotion.live import Live, end_of, live_at, live_now
from governance.promotion.models import LivePeriod
from governance.promotion.queries import (
    live_in,
    promotions_visible_to,
    rollback_verdict,
    with_their_periods,
)
from governance.reviews.forms import take_errors
from registry.versions.access import get_model, get_version
from registry.versions.models import RegisteredModel

HISTORY_SHOWN = 10
CANDIDATES = 5
ENVIRONMENTS = "governance/promotion/environments.html"


@dataclass(frozen=True, slots=True)
class Here:
    """One environment and what is live in it."""

    environment: Environment
    live: list[Live] = field(default_factory=list)


@page(Permission.SEE)
@require_safe
def environments(request: HttpRequest) -> HttpResponse:
    """What is live where. `?roll_back=` names a model and `?in=` an environment: the form to go back; `?on=` a day:
    what was live when it ended."""
    actor = actor_of_request(request)
    if request.GET.get("on"):
        return _on_a_day(request)
    back: dict[str, Any] = {}
    if wanted := request.GET.get("roll_back", ""):
        back = _back(actor, get_model(actor, wanted), environment_of(request.GET.get("in", "")))
    return render_page(request, ENVIRONMENTS, _environments(request, back))


def _on_a_day(request: HttpRequest) -> HttpResponse:
    """What was live at the end of a day (UTC), and by whose decision."""
    actor, form = actor_of_request(request), DayForm(request.GET)
    day = form.cleaned_data["on"] if form.is_valid() else None
    names = {
        "form": form,
        "day": day,
        "over": day is not None and day < clock.now().date(),
        "places": live_at(actor, end_of(day)) if day else [],
    }
    return render_page(request, "governance/promotion/on_a_day.html", names, status=200 if day else 422)


def _environments(request: HttpRequest, back: dict[str, Any]) -> dict[str, Any]:
    actor = actor_of_request(request)
    here = {environment.id: Here(environment) for environment in environments_in_order()}
    for one in live_now(actor):
        here[one.period.environment_id].live.append(one)
    history, window = window_of(
        request, promotions_visible_to(actor), order_by=("-number",), size=HISTORY_SHOWN
    )
    return {
        "places": [
            (
                place,
                [
                    (one, actor.holds(Permission.ROLL_BACK, one.period.version.model.team_id))
                    for one in place.live
                ],
            )
            for place in reversed(here.values())
        ],
        "history": with_their_periods(history),
        "window": window,
        "back": back,
    }


def _back(
    actor: Actor,
    model: RegisteredModel,
    environment: Environment,
    sent: QueryDict | None = None,
    kept: str = "",
) -> dict[str, Any]:
    """What the form to roll back shows: what is live, and what was live before it, newest first."""
    current = live_in(environment, model)
    was = LivePeriod.objects.filter(environment=environment, model=model, during__upper_inf=False)
    if current is not None:
        was = was.exclude(version=current.version_id)
    periods: dict[Any, LivePeriod] = {}
    for period in was.select_related("version__model__team").order_by("-during"):
        periods.setdefault(period.version_id, period)
    candidates = list(periods.values())[:CANDIDATES]
    refused: dict[str, str] = {}
    hints: dict[str, str] = {}
    for period in candidates:
        number = str(period.version.number)
        verdict = rollback_verdict(version=period.version, environment=environment)
        if not verdict:
            refused[number] = verdict.sentence()
        lived = f"Was live {day(period.during.lower.date())} to {day(period.during.upper.date())}."
        hints[number] = " ".join([lived, *(note.message for note in verdict.notes)])
    open_to_all = [
        str(period.version.number) for period in candidates if str(period.version.number) not in refused
    ]
    form = RollbackForm(
        sent,
        versions=[(str(one.version.number), f"Version {one.version.number}") for one in candidates],
        hints=hints,
        refused=refused,
        initial={
            "version": next(iter(open_to_all), ""),
            "expected_live": current.version.number if current else 0,
            "reason": kept,
        },
    )
    permission = actor.may(Permission.ROLL_BACK, model.team_id)
    return {
        "model": model,
        "environment": environment,
        "current": current,
        "form": form,
        "candidates": candidates,
        "only": open_to_all[0] if len(open_to_all) == 1 else "",
        "open": bool(permission) and bool(open_to_all),
        "why_not": permission.sentence() if not permission else "",
    }


@page(Permission.ROLL_BACK)
@require_http_methods(["GET", "HEAD", "POST"])
def rollback(request: HttpRequest, name: str, slug: str) -> HttpResponseBase:
    """Go back to a version that was live before; what cannot be is said in place."""
    actor = actor_of_request(request)
    model = get_model(actor, name, Permission.ROLL_BACK)
    environment = environment_of(slug)
    if request.method != "POST":
        where = urlencode({"roll_back": model.name, "in": environment.slug})
        return redirect_after_post(request, f"{reverse('governance:environments')}?{where}#rollback")
    back = _back(actor, model, environment, request.POST)
    form: RollbackForm = back["form"]
    status = 422
    if form.is_valid():
        given = form.cleaned_data
        try:
            promotion = roll_back(
                version=get_version(actor, name, int(given["version"])),
                environment=environment,
                reason=given["reason"],
                expected_live=given["expected_live"],
                actor=actor,
            )
        except Invalid as error:
            take_errors(form, error)
        except Conflict as error:
            status = error.status
            back = _back(actor, model, environment, kept=given["reason"]) | {"moved": error.message}
        except Refused as error:
            refusals.record(actor, error.verdict, attempted=f"roll back {model} in {environment.slug}")
            status = error.status
            for reason in error.verdict.reasons:
                form.add_error(None, reason.message)
        else:
            messages.success(
                request,
                f"Version {promotion.version.number} of {model} is live in {environment.name} again.",
            )
            return redirect_after_post(request, "governance:promotion", promotion.number)
    return render_page(request, ENVIRONMENTS, _environments(request, back), status=status)
