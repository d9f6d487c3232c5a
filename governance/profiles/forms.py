"""The form of a model's governance profile."""

from __future__ import annotations

from typing import ClassVar

from django import forms

from countersign.web.fields import PageForm
from governance.profiles.actions import TEXT_LIMIT
from governance.profiles.models import RiskTier


class TierField(forms.ChoiceField):
    """The three tiers, each with what it means."""

    widget = forms.RadioSelect
    hints: ClassVar[dict[str, str]] = {
        RiskTier.LOW: "A wrong output costs little and is easily put right.",
        RiskTier.MEDIUM: "It steers money or work, and people can correct it in time.",
        RiskTier.HIGH: "It decides about people, their money, work or health.",
    }


class ProfileForm(PageForm):
    """Tier and purpose. Lowering a tier is for compliance and needs its reason."""

    risk_tier = TierField(
        label="Risk tier",
        choices=RiskTier.choices,
        help_text="Decides which policy applies. An owner may raise it; only compliance lowers it.",
    )
    purpose = forms.CharField(
        label="Purpose",
        max_length=TEXT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 3, "class": "voice"}),
        help_text="What the model is for, and which decision it supports.",
    )
    tier_reason = forms.CharField(
        label="Why this tier",
        max_length=TEXT_LIMIT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "voice"}),
        help_text="Needed to lower a tier. It stands in the ledger beside your name.",
    )
