"""The form of a model's governance profile."""

from __future__ import annotations

from typing import Any

from django import forms

from countersign.web.fields import PageForm
from governance.profiles.models import RiskTier

HINTS = {
    RiskTier.LOW: "Little hangs on it and it is easily undone: one approval.",
    RiskTier.MEDIUM: "Some people or some value depend on it: validation and approval by two people.",
    RiskTier.HIGH: "Health, liberty, livelihood or much value: independent validation, approval, compliance review.",
}


class TierField(forms.ChoiceField):
    """The tiers as radio buttons with what each asks for; `refused` says why one cannot be chosen."""

    widget = forms.RadioSelect

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=RiskTier.choices, **kwargs)
        self.hints: dict[str, str] = {tier.value: text for tier, text in HINTS.items()}
        self.refused: dict[str, str] = {}


class ProfileForm(PageForm):
    """Risk tier and purpose."""

    risk_tier = TierField(label="Risk tier")
    purpose = forms.CharField(
        label="Purpose",
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "voice"}),
        help_text="What the model is for and which decision it supports. Printed in cards and exports.",
    )
    tier_reason = forms.CharField(
        label="Reason for the tier",
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "voice"}),
        help_text="Optional; required where a tier is lowered, which a compliance officer does.",
    )
