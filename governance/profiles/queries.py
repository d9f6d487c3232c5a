"""Reads of governance profiles."""

from __future__ import annotations

from governance.profiles.models import ModelProfile
from registry.versions.models import RegisteredModel


def profile_of(model: RegisteredModel) -> ModelProfile | None:
    """The model's profile; None until somebody set one."""
    return ModelProfile.objects.filter(model=model).first()
