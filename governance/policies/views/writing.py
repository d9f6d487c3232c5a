"""Writing a policy: beginning one, drafting a revision, editing a draft. Errors stand under their lines."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from countersign.accounts.forms import take_errors
from countersign.actors import Actor
from countersign.errors import Conflict, CountersignError, Invalid, Refused
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from governance.environments.queries import environments_in_order
from governance.policies.access import get_policy
from governance.policies.actions import draft_revision, start_policy
from governance.policies.forms import PolicyForm
from governance.policies.models import Policy, PolicyRevision, RevisionState
from governance.policies.queries import free_scopes, policies_with_standing, revisions_of, standing_of
from governance.policies.reading import CodeLine, changed_lines, errors_by_line, marked
from governance.policies.views.reading import revision_asked_for


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The draft one edited is none any more: who ended it, and what stands in its place, against it."""

    draft: PolicyRevision
    instead: PolicyRevision | None
    lines: list[CodeLine | None]


@page(Permission.WRITE_POLICY)
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, policy: UUID) -> HttpResponseBase:
    """Draft a revision, beginning from the one in force or from `?from=`; `?edit=` replaces that draft."""
    actor = actor_of_request(request)
    found = get_policy(actor, policy, Permission.WRITE_POLICY)
    standing = standing_of(found)
    edited = revision_asked_for(found, standing, request.GET["edit"]) if request.GET.get("edit") else None
    begin = (
        edited or revision_asked_for(found, standing, request.GET.get("from")) or revisions_of(found).first()
    )
    return _write(request, actor, found, begin.text if begin else "", edited)


@page(Permission.WRITE_POLICY)
@require_http_methods(["GET", "HEAD", "POST"])
def new_policy(request: HttpRequest) -> HttpResponseBase:
    """Begin the policy of a tier and an environment that have none; the text names both."""
    actor = actor_of_request(request)
    model = PolicyRevision.objects.filter(state=RevisionState.IN_FORCE).order_by("policy__created_at").first()
    return _write(request, actor, None, model.text if model else "", None)


def _write(
    request: HttpRequest, actor: Actor, found: Policy | None, begin: str, edited: PolicyRevision | None
) -> HttpResponseBase:
    form = PolicyForm(request.POST if request.method == "POST" else None, initial={"text": begin})
    status, text = 200, ""
    errors: dict[int, list[str]] = {}
    overtaken: Overtaken | None = None
    if form.is_bound:
        status = 422
        if form.is_valid():
            text = form.cleaned_data["text"]
            try:
                if found is None:
                    drafted = start_policy(text=text, actor=actor)
                else:
                    drafted = draft_revision(policy=found, text=text, actor=actor, replaces=edited)
            except Refused:
                raise
            except Invalid as error:
                errors = errors_by_line(error.fields.get("text", [error.message]))
            except CountersignError as error:
                status = error.status
                take_errors(form, error)
                if found is not None and edited is not None and isinstance(error, Conflict):
                    overtaken = _overtaken(found, edited)
            else:
                messages.info(request, f"Revision {drafted.number} is drafted. It binds nothing yet.")
                url = reverse("governance:policy", args=[drafted.policy_id])
                return redirect_after_post(request, f"{url}?revision={drafted.number}")
    context = {
        "form": form,
        "policy": found,
        "edited": edited,
        "overtaken": overtaken,
        "errors": sorted(errors.items()),
        "error_count": sum(len(said) for said in errors.values()),
        "marked": marked(text, errors) if errors else [],
        "free": free_scopes(policies_with_standing(actor), environments_in_order()) if found is None else [],
        "nothing_saved": status != 200,
    }
    return render_page(request, "governance/policies/draft.html", context, status=status)


def _overtaken(found: Policy, edited: PolicyRevision) -> Overtaken | None:
    standing = standing_of(found)
    ended = revisions_of(found).get(pk=edited.pk)
    if ended.state == RevisionState.DRAFT:
        return None
    instead = next(iter(standing.drafts), None) or standing.in_force
    lines = changed_lines(ended.text, instead.text) if instead else []
    return Overtaken(ended, instead, lines)
