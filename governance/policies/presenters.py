"""Sentences of the audit trail about policies."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from countersign.ledger.presenters import Link, Lookup, Sentence, name_with, sentence
from governance.policies.models import Policy

_POLICIES = Lookup(Policy.objects.in_bulk)
name_with(_POLICIES, lambda policy: Link(policy.name, reverse("governance:policy", args=[policy.id])))


def _policy(ref: str) -> Link | str:
    policy = _POLICIES.of(ref)
    return (
        "a policy"
        if policy is None
        else Link(f"“{policy.name}”", reverse("governance:policy", args=[policy.id]))
    )


def _revision(leaf: dict[str, Any]) -> tuple[str, Link | str]:
    state = leaf["data"]["after"]
    return f"revision {state['number']} of the policy ", _policy(state["policy"])


@sentence("governance.policy.started")
def started(leaf: dict[str, Any]) -> Sentence:
    """“… started the policy “High tier, production” for high tier”."""
    return Sentence.of(
        "started the policy ",
        _policy(leaf["subject"]["ref"]),
        f" for {leaf['data']['after']['risk_tier']} tier",
    )


@sentence("governance.policy_revision.drafted")
def drafted(leaf: dict[str, Any]) -> Sentence:
    """“… drafted revision 5 of the policy “High tier, production””."""
    return Sentence.of("drafted ", *_revision(leaf))


@sentence("governance.policy_revision.put_in_force")
def put_in_force(leaf: dict[str, Any]) -> Sentence:
    """“… put revision 5 of the policy “High tier, production” in force”."""
    return Sentence.of("put ", *_revision(leaf), " in force")


@sentence("governance.policy_revision.superseded")
def superseded(leaf: dict[str, Any]) -> Sentence:
    """“… ended revision 4 of the policy “High tier, production””."""
    return Sentence.of("ended ", *_revision(leaf))


@sentence("governance.policy_revision.shipped")
def shipped(leaf: dict[str, Any]) -> Sentence:
    """“… put revision 1 of the policy “High tier, production” in force at installation”."""
    return Sentence.of("put ", *_revision(leaf), " in force at installation")


@sentence("governance.policy_revision.discarded")
def discarded(leaf: dict[str, Any]) -> Sentence:
    """“… discarded draft 5 of the policy “High tier, production””, or, edited, “… replaced draft 5 … by draft 6”."""
    state = leaf["data"]["after"]
    replaced_by = state["details"]["replaced_by"]
    number, policy = state["number"], _policy(state["policy"])
    if replaced_by is None:
        return Sentence.of(f"discarded draft {number} of the policy ", policy)
    return Sentence.of(f"replaced draft {number} of the policy ", policy, f" by draft {replaced_by}")
