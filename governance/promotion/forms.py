"""Forms of promotion: making a version live, and going back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from countersign.web.fields import DayField, PageForm
from governance.reviews.forms import Opted, spoken


class PromoteForm(PageForm):
    """Why a version goes live. `expected_live` is the version the page showed as live, 0 for none."""

    reason = spoken("Reason", "Why it goes live. Stands in the ledger beside your name.")
    expected_live = forms.IntegerField(widget=forms.HiddenInput, min_value=0, required=False)


class DayForm(PageForm):
    """The day whose end is asked about."""

    on = DayField(
        label="What was live on", help_text="A day (UTC), such as 3 Mar 2026: as it stood at its end."
    )


class RollbackForm(PageForm):
    """Which earlier version comes back, and why."""

    version = Opted(label="Comes back")
    reason = spoken("Reason", "What you saw. Stands in the ledger beside your name.")
    expected_live = forms.IntegerField(widget=forms.HiddenInput, min_value=0, required=False)

    def __init__(
        self,
        *args: Any,
        versions: Sequence[tuple[str, str]],
        hints: Mapping[str, str],
        refused: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["version"]
        if isinstance(field, Opted):
            field.choices = list(versions)
            field.hints, field.refused = dict(hints), dict(refused)
