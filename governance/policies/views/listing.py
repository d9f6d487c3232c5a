"""What governs where: a grid of tiers and environments, and the drafts that wait."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import render_page
from governance.environments.queries import environments_in_order
from governance.policies.models import PolicyRevision
from governance.policies.queries import (
    free_scopes,
    may_put_in_force,
    policies_with_standing,
    revisions_visible_to,
)
from governance.policies.rules import document_of
from governance.profiles.models import ModelProfile, RiskTier
from registry.versions.queries import models_visible_to

NEWS_SHOWN = 5


@page(Permission.SEE)
@require_safe
def policy_list(request: HttpRequest) -> HttpResponse:
    """Policies by tier and environment, with the revision in force; drafts that wait and what this release ships anew
    stand on top."""
    actor = actor_of_request(request)
    standings = policies_with_standing(actor)
    governed = dict(
        ModelProfile.objects.filter(model__in=models_visible_to(actor), model__archived_at__isnull=True)
        .order_by()
        .values_list("risk_tier")
        .annotate(count=Count("pk"))
    )
    environments = list(environments_in_order())
    at = {(one.policy.risk_tier, one.policy.environment_id): one for one in standings}
    tiers = [
        {
            "tier": tier,
            "models": governed.get(tier.value, 0),
            "cells": [
                (environment, one, _rules_in(one.in_force) if one else None)
                for environment in environments
                for one in [at.get((tier.value, environment.pk))]
            ],
        }
        for tier in reversed(RiskTier)
    ]
    context = {
        "tiers": tiers if standings else [],
        "environments": environments,
        "waiting": [
            (one, draft, may_put_in_force(draft, actor))
            for one in reversed(standings)
            for draft in one.drafts
        ],
        "newer": [one for one in reversed(standings) if one.newer and one.in_force],
        "news": revisions_visible_to(actor)
        .filter(in_force_from__isnull=False)
        .order_by("-in_force_from", "-pk")[:NEWS_SHOWN],
        "may": actor.may(Permission.WRITE_POLICY),
        "free": free_scopes(standings, environments),
    }
    return render_page(request, "governance/policies/list.html", context)


def _rules_in(revision: PolicyRevision | None) -> int | None:
    return len(document_of(revision).rules) if revision else None
