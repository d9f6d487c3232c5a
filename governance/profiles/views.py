"""The page where a model's risk tier and purpose are set."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_http_methods

from countersign.errors import Invalid
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from governance.profiles.actions import set_profile
from governance.profiles.forms import ProfileForm, TierField
from governance.profiles.models import TIER_RANK, RiskTier
from governance.profiles.queries import profile_of
from registry.versions.access import get_model


@page(Permission.SET_PROFILE)
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest, name: str) -> HttpResponseBase:
    """Set risk tier and purpose; a lower tier is open to compliance officers only, and says so."""
    actor = actor_of_request(request)
    model = get_model(actor, name, Permission.SET_PROFILE)
    present = profile_of(model)
    initial = (
        {"risk_tier": present.risk_tier, "purpose": present.purpose, "tier_reason": present.tier_reason}
        if present
        else {"purpose": model.description}
    )
    form = ProfileForm(request.POST or None, initial=initial)
    field = form.fields["risk_tier"]
    if present and isinstance(field, TierField) and not actor.holds(Permission.LOWER_TIER, model.team_id):
        rank = TIER_RANK[RiskTier(present.risk_tier)]
        field.refused = {
            tier.value: "Lowering the tier is for a compliance officer."
            for tier in RiskTier
            if TIER_RANK[tier] < rank
        }
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                set_profile(model=model, actor=actor, **form.cleaned_data)
            except Invalid as error:
                for field_name, sentences in error.fields.items():
                    for sentence in sentences:
                        form.add_error(field_name if field_name in form.fields else None, sentence)
            else:
                return redirect_after_post(request, "registry:model", model.name)
    return render_page(request, "governance/profiles/profile.html", {"model": model, "form": form}, status=status)
