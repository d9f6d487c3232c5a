"""What was promoted and rolled back: the list, and one of them as its steps."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import render_page
from governance.environments.queries import environments_in_order
from governance.promotion.access import get_promotion
from governance.promotion.live import tally_of_promotion
from governance.promotion.models import PromotionKind
from governance.promotion.queries import promotions_visible_to, with_their_periods
from governance.promotion.steps import steps_of
from registry.names import folded
from registry.versions.models import RegisteredModel


@page(Permission.SEE)
@require_safe
def promotions(request: HttpRequest) -> HttpResponse:
    """Promotions and rollbacks, newest first, with how long each was live; by model, environment and kind."""
    actor = actor_of_request(request)
    given = {name: request.GET.get(name, "").strip()[:200] for name in ("model", "environment", "kind")}
    rows = promotions_visible_to(actor)
    if given["model"]:
        rows = rows.filter(version__model__name_folded=folded(given["model"]))
    if given["environment"]:
        rows = rows.filter(environment__slug=given["environment"])
    if given["kind"] in PromotionKind.values:
        rows = rows.filter(kind=given["kind"])
    shown, window = window_of(request, rows, order_by=("-number",))
    names = given | {
        "rows": with_their_periods(shown),
        "window": window,
        "narrowed": any(given.values()),
        "environments": environments_in_order(),
        "kinds": PromotionKind.choices,
        "found_model": RegisteredModel.objects.filter(name_folded=folded(given["model"])).first()
        if given["model"] and shown
        else None,
    }
    return render_page(request, "governance/promotion/promotions.html", names)


@page(Permission.SEE)
@require_safe
def one_promotion(request: HttpRequest, number: int) -> HttpResponse:
    """One promotion or rollback: its steps, why, by whom, what stood before and what came after."""
    actor = actor_of_request(request)
    found = get_promotion(actor, number)
    [(promotion, period)] = with_their_periods([found])
    later = (
        promotions_visible_to(actor)
        .filter(version__model=promotion.version.model, environment=promotion.environment, number__gt=number)
        .order_by("number")
        .first()
    )
    names = {
        "promotion": promotion,
        "period": period,
        "steps": steps_of(promotion, period, actor),
        "tally": tally_of_promotion(promotion),
        "later": later,
        "is_rollback": promotion.kind == PromotionKind.ROLLBACK,
        "may_roll_back": actor.holds(Permission.ROLL_BACK, promotion.version.model.team_id),
    }
    return render_page(request, "governance/promotion/promotion.html", names)
