"""Setting the risk tier and purpose of a registered model."""

from __future__ import annotations

from django.db import transaction

from countersign import clock
from countersign.actors import Actor
from countersign.errors import Invalid, Refused
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from countersign.verdicts import Verdict
from governance.profiles.models import TIER_RANK, ModelProfile, RiskTier
from governance.profiles.verbs import PROFILE_SET
from registry.versions.actions.locks import lock_model
from registry.versions.models import RegisteredModel

TEXT_LIMIT = 4000  # before and after stand in one ledger entry of at most 64 kB


@transaction.atomic
def set_profile(
    *, model: RegisteredModel, risk_tier: str, purpose: str, tier_reason: str, actor: Actor
) -> ModelProfile:
    """The model's tier and purpose. Anybody who may set a profile may raise a tier; lowering one opens an easier
    policy, so it is for compliance and needs a reason.

    Raises Refused, Invalid (unknown tier, no purpose, no reason for a lower tier)."""
    if not (verdict := actor.may(Permission.SET_PROFILE, model.team_id)):
        raise Refused(verdict)
    problems: dict[str, list[str]] = {}
    if risk_tier not in RiskTier.values:
        problems["risk_tier"] = [f"“{risk_tier}” is not a risk tier. Choose low, medium or high."]
    if not purpose.strip():
        problems["purpose"] = ["Say what the model is for and which decision it supports."]
    for field, text in (("purpose", purpose), ("tier_reason", tier_reason)):
        if len(text) > TEXT_LIMIT or "\0" in text:
            problems[field] = [
                f"At most {TEXT_LIMIT:,} characters, none of them NUL; this has {len(text):,}."
            ]
    if problems:
        raise Invalid("The profile was not saved.", fields=problems)
    lock_model(model)
    profile = ModelProfile.objects.select_for_update().filter(model=model).first()
    before = profile.ledger_state() if profile else None
    if profile and TIER_RANK[RiskTier(risk_tier)] < TIER_RANK[RiskTier(profile.risk_tier)]:
        if not actor.holds(Permission.LOWER_TIER, model.team_id):
            raise Refused(
                Verdict.because(
                    "tier_lowered",
                    f"The tier is {profile.risk_tier}; lowering it to {risk_tier} is for a compliance officer.",
                )
            )
        if not tier_reason.strip():
            raise Invalid(
                "The profile was not saved.", fields={"tier_reason": ["Lowering a tier needs a reason."]}
            )
    if profile is None:
        profile = ModelProfile(model=model)
    profile.risk_tier, profile.purpose, profile.tier_reason = risk_tier, purpose.strip(), tier_reason.strip()
    profile.updated_at = clock.now()
    profile.save()
    append_entry(
        verb=PROFILE_SET,
        subject=profile,
        actor=actor,
        before=before,
        personal={"tier_reason": profile.tier_reason} if profile.tier_reason else None,
    )
    return profile
