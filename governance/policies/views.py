"""Pages of policies: what governs where, one policy in words beside its lines, drafting it, putting it in force."""

from __future__ import annotations

from itertools import groupby
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from countersign.accounts.forms import take_errors
from countersign.actors import Actor
from countersign.errors import Conflict, CountersignError, Invalid, NotFound, Refused
from countersign.permissions import Permission
from countersign.verdicts import Verdict
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from governance.environments.queries import environments_in_order
from governance.policies.access import get_policy, get_revision
from governance.policies.actions import draft_revision, put_in_force, start_policy
from governance.policies.forms import PolicyForm
from governance.policies.models import Policy, PolicyRevision, RevisionState
from governance.policies.queries import (
    PolicyStanding,
    policies_with_standing,
    revisions_of,
    revisions_visible_to,
    standing_of,
)
from governance.policies.reading import errors_by_line, marked, read_policy
from governance.policies.rules import document_of
from governance.profiles.models import TIER_RANK, ModelProfile, RiskTier
from registry.versions.queries import models_visible_to

NEWS_SHOWN = 5
MODELS_SHOWN = 50
REVISIONS_SHOWN = 30


@page(Permission.SEE)
@require_safe
def policy_list(request: HttpRequest) -> HttpResponse:
    """Policies by tier and environment, with the revision in force; drafts that wait stand on top."""
    actor = actor_of_request(request)
    standings = policies_with_standing(actor)
    governed = dict(
        ModelProfile.objects.filter(model__in=models_visible_to(actor), model__archived_at__isnull=True)
        .order_by()
        .values_list("risk_tier")
        .annotate(count=Count("pk"))
    )
    rank = {str(tier): place for tier, place in TIER_RANK.items()}
    ordered = sorted(
        standings, key=lambda one: (-rank[one.policy.risk_tier], one.policy.environment.position)
    )
    tiers = [
        {
            "tier": RiskTier(tier).label,
            "models": governed.get(tier, 0),
            "rows": [(one, _rules_in(one.in_force)) for one in group],
        }
        for tier, group in groupby(ordered, key=lambda one: one.policy.risk_tier)
    ]
    context = {
        "tiers": tiers,
        "waiting": [(one, draft, _may_put(draft, actor)) for one in ordered for draft in one.drafts],
        "news": revisions_visible_to(actor)
        .filter(in_force_from__isnull=False)
        .order_by("-in_force_from", "-pk")[:NEWS_SHOWN],
        "may": actor.may(Permission.WRITE_POLICY),
        "free": _free_scopes(standings),
    }
    return render_page(request, "governance/policies/list.html", context)


@page(Permission.SEE)
@require_safe
def policy(request: HttpRequest, policy: UUID) -> HttpResponse:
    """One policy; `?revision=` reads another revision than the one in force (or, with none, the newest draft)."""
    found = get_policy(actor_of_request(request), policy)
    return _draw(request, found, request.GET.get("revision"))


@page(Permission.SEE)
@require_safe
def revision_text(request: HttpRequest, policy: UUID, number: int) -> HttpResponse:
    """The YAML of a revision, byte for byte."""
    revision = get_revision(actor_of_request(request), policy, number)
    name = f"{revision.policy.risk_tier}-{revision.policy.environment.slug}-{revision.number}.yaml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(revision.text, content_type="text/yaml; charset=utf-8", headers=headers)


@page(Permission.WRITE_POLICY)
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, policy: UUID) -> HttpResponseBase:
    """Draft a revision, beginning from the one in force or from `?from=`."""
    actor = actor_of_request(request)
    found = get_policy(actor, policy, Permission.WRITE_POLICY)
    begin = _begin(found, request.GET.get("from"))
    return _write(request, actor, found, begin.text if begin else "")


@page(Permission.WRITE_POLICY)
@require_http_methods(["GET", "HEAD", "POST"])
def new_policy(request: HttpRequest) -> HttpResponseBase:
    """Begin the policy of a tier and an environment that have none; the text names both."""
    actor = actor_of_request(request)
    model = PolicyRevision.objects.filter(state=RevisionState.IN_FORCE).order_by("policy__created_at").first()
    return _write(request, actor, None, model.text if model else "")


@page(Permission.WRITE_POLICY)
@require_POST
def put_revision_in_force(request: HttpRequest, policy: UUID, number: int) -> HttpResponseBase:
    """Put a draft in force, as the second person. Whoever comes too late sees what is in force now."""
    actor = actor_of_request(request)
    revision = get_revision(actor, policy, number, Permission.WRITE_POLICY)
    try:
        put_in_force(revision=revision, actor=actor)
    except Conflict as conflict:
        found = get_policy(actor, policy)
        return _draw(request, found, str(number), lost=conflict)
    messages.info(request, f"Revision {number} is in force.")
    return redirect_after_post(request, "governance:policy", policy)


def _draw(
    request: HttpRequest, found: Policy, asked: str | None, *, lost: Conflict | None = None
) -> HttpResponse:
    actor = actor_of_request(request)
    standing = standing_of(found)
    shown = _shown(found, standing, asked)
    is_draft = shown is not None and shown in standing.drafts
    governed = models_visible_to(actor).filter(profile__risk_tier=found.risk_tier, archived_at__isnull=True)
    models = list(governed.order_by("name_folded")[: MODELS_SHOWN + 1])
    context = {
        "policy": found,
        "standing": standing,
        "shown": shown,
        "is_draft": is_draft,
        "reading": read_policy(shown, against=standing.in_force if is_draft else None) if shown else None,
        "revisions": list(revisions_of(found)[:REVISIONS_SHOWN]),
        "models": models[:MODELS_SHOWN],
        "more_models": len(models) > MODELS_SHOWN,
        "may": actor.may(Permission.WRITE_POLICY),
        "may_put": _may_put(shown, actor) if is_draft and shown else None,
        "lost": lost,
        "nothing_saved": lost is not None,
    }
    return render_page(
        request, "governance/policies/policy.html", context, status=lost.status if lost else 200
    )


def _write(request: HttpRequest, actor: Actor, found: Policy | None, begin: str) -> HttpResponseBase:
    form = PolicyForm(request.POST if request.method == "POST" else None, initial={"text": begin})
    status, text = 200, ""
    errors: dict[int, list[str]] = {}
    if form.is_bound:
        status = 422
        if form.is_valid():
            text = form.cleaned_data["text"]
            try:
                if found is None:
                    drafted = start_policy(text=text, actor=actor)
                else:
                    drafted = draft_revision(policy=found, text=text, actor=actor)
            except Refused:
                raise
            except Invalid as error:
                errors = errors_by_line(error.fields.get("text", [error.message]))
            except CountersignError as error:
                status = error.status
                take_errors(form, error)
            else:
                messages.info(request, f"Revision {drafted.number} is drafted. It binds nothing yet.")
                url = reverse("governance:policy", args=[drafted.policy_id])
                url = f"{url}?revision={drafted.number}"
                return redirect_after_post(request, url)
    context = {
        "form": form,
        "policy": found,
        "errors": sorted(errors.items()),
        "error_count": sum(len(said) for said in errors.values()),
        "marked": marked(text, errors) if errors else [],
        "free": _free_scopes(policies_with_standing(actor)) if found is None else [],
        "nothing_saved": status != 200,
    }
    return render_page(request, "governance/policies/draft.html", context, status=status)


def _shown(found: Policy, standing: PolicyStanding, asked: str | None) -> PolicyRevision | None:
    if not asked:
        return standing.in_force or next(iter(standing.drafts), None)
    revision = revisions_of(found).filter(number=int(asked)).first() if asked.isdecimal() else None
    if revision is None:
        raise NotFound(f"This policy has no revision {asked[:20]}.")
    # The standing's own objects, so that what is shown can be found among its drafts.
    return next((one for one in standing.drafts if one.pk == revision.pk), revision)


def _begin(found: Policy, asked: str | None) -> PolicyRevision | None:
    standing = standing_of(found)
    return _shown(found, standing, asked) or revisions_of(found).first()


def _rules_in(revision: PolicyRevision | None) -> int | None:
    return len(document_of(revision).rules) if revision else None


def _may_put(draft: PolicyRevision, actor: Actor) -> Verdict:
    """Whether the actor may be the second person; the action asks again."""
    if not (verdict := actor.may(Permission.WRITE_POLICY)):
        return verdict
    if draft.author_id == actor.ref:
        return Verdict.because(
            "author_cannot_approve",
            "You drafted this revision; another compliance officer must put it in force.",
        )
    return Verdict.allow()


def _free_scopes(standings: list[PolicyStanding]) -> list[tuple[str, str]]:
    """Tiers and environments without a policy: there nothing can be promoted."""
    taken = {(one.policy.risk_tier, one.policy.environment_id) for one in standings}
    return [
        (tier.value, environment.slug)
        for environment in environments_in_order()
        for tier in reversed(RiskTier)
        if (tier.value, environment.pk) not in taken
    ]
