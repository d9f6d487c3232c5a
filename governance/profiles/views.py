"""The page on which a model's risk tier and purpose are set."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_http_methods

from countersign import refusals
from countersign.errors import Invalid, Refused
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from governance.profiles.actions import set_profile
from governance.profiles.forms import ProfileForm
from governance.profiles.models import ModelProfile
from governance.profiles.queries import profile_of
from registry.versions.access import get_model


def profile_form(profile: ModelProfile | None) -> ProfileForm:
    """The form with what is set now."""
    if profile is None:
        return ProfileForm()
    return ProfileForm(initial={"risk_tier": profile.risk_tier, "purpose": profile.purpose})


@page(Permission.SET_PROFILE)
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest, name: str) -> HttpResponseBase:
    """Set tier and purpose of a model."""
    actor = actor_of_request(request)
    model = get_model(actor, name, Permission.SET_PROFILE)
    current = profile_of(model)
    form, status = profile_form(current), 200
    if request.method == "POST":
        form, status = ProfileForm(request.POST), 422
        if form.is_valid():
            try:
                set_profile(model=model, actor=actor, **form.cleaned_data)
            except Invalid as error:
                for field, sentences in error.fields.items():
                    for sentence in sentences:
                        form.add_error(field if field in form.fields else None, sentence)
            except Refused as error:
                refusals.record(actor, error.verdict, attempted=f"set the profile of {model}")
                status = error.status
                form.add_error("risk_tier", error.message)
            else:
                return redirect_after_post(request, "registry:model", model.name)
    context = {"model": model, "profile": current, "form": form}
    return render_page(request, "governance/profiles/profile.html", context, status=status)
