"""Reads of policies: what is in force where, what was, and what waits for a second person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Case, IntegerField, Prefetch, QuerySet, Value, When

from countersign.actors import Actor
from countersign.permissions import Permission
from countersign.verdicts import Verdict
from governance.environments.models import Environment
from governance.policies.models import Policy, PolicyRevision, RevisionState
from governance.policies.shipping import ShippedText, newer_shipped
from governance.profiles.models import TIER_RANK, RiskTier

_WITH = ("policy__environment", "author", "approved_by", "discarded_by")


@dataclass(frozen=True, slots=True)
class PolicyStanding:
    """A policy with the revision in force (None: none ever was) and the drafts that could still be put in
    force, newest first. `newer` is what this release ships for it and nobody decided on yet."""

    policy: Policy
    in_force: PolicyRevision | None
    drafts: list[PolicyRevision]
    newer: ShippedText | None


def policy_in_force(risk_tier: str, environment: Environment) -> PolicyRevision | None:
    """The revision that governs models of a tier in an environment now; None where nothing may be promoted
    yet."""
    return (
        PolicyRevision.objects.filter(
            policy__risk_tier=risk_tier, policy__environment=environment, state=RevisionState.IN_FORCE
        )
        .select_related("policy__environment")
        .first()
    )


def policies_in_force(environment: Environment) -> dict[str, PolicyRevision]:
    """The revisions that govern models in an environment now, by risk tier."""
    revisions = PolicyRevision.objects.filter(policy__environment=environment, state=RevisionState.IN_FORCE)
    return {one.policy.risk_tier: one for one in revisions.select_related("policy__environment")}


def policies_visible_to(actor: Actor) -> QuerySet[Policy]:
    """Every policy, for whoever is known here: what governs a model is no secret. By environment, then
    tier."""
    by_tier = Case(
        *(When(risk_tier=tier.value, then=Value(rank)) for tier, rank in TIER_RANK.items()),
        output_field=IntegerField(),
    )
    return Policy.objects.select_related("environment").order_by("environment__position", by_tier)


def revisions_visible_to(actor: Actor) -> QuerySet[PolicyRevision]:
    """Every revision, newest first."""
    return PolicyRevision.objects.select_related(*_WITH).order_by("-pk")


def revisions_of(policy: Policy) -> QuerySet[PolicyRevision]:
    """All revisions of a policy, newest first."""
    return PolicyRevision.objects.filter(policy=policy).select_related(*_WITH).order_by("-number")


def standing_of(policy: Policy) -> PolicyStanding:
    """Where one policy stands."""
    return _standing(policy, list(revisions_of(policy)))


def policies_with_standing(actor: Actor) -> list[PolicyStanding]:
    """Every policy with where it stands, in two queries."""
    revisions = PolicyRevision.objects.select_related("author", "approved_by").order_by("-number")
    policies = policies_visible_to(actor).prefetch_related(Prefetch("revisions", queryset=revisions))
    return [_standing(policy, list(policy.revisions.all())) for policy in policies]


def may_put_in_force(draft: PolicyRevision, actor: Actor) -> Verdict:
    """Whether the actor may be the second person of a draft; the action asks again."""
    if not (verdict := actor.may(Permission.WRITE_POLICY)):
        return verdict
    if draft.author_id == actor.ref:
        return Verdict.because(
            "author_cannot_approve",
            "You drafted this revision; another compliance officer must put it in force.",
        )
    return Verdict.allow()


def free_scopes(
    standings: Iterable[PolicyStanding], environments: Iterable[Environment]
) -> list[tuple[str, str]]:
    """Tiers and environments (by their address) without a policy: there nothing can be promoted."""
    taken = {(one.policy.risk_tier, one.policy.environment_id) for one in standings}
    return [
        (tier.value, environment.slug)
        for environment in environments
        for tier in reversed(RiskTier)
        if (tier.value, environment.pk) not in taken
    ]


def _standing(policy: Policy, revisions: list[PolicyRevision]) -> PolicyStanding:
    in_force = next((one for one in revisions if one.state == RevisionState.IN_FORCE), None)
    drafts = [
        one
        for one in revisions
        if one.state == RevisionState.DRAFT and (in_force is None or one.number > in_force.number)
    ]
    return PolicyStanding(policy, in_force, drafts, newer_shipped(policy, revisions))
