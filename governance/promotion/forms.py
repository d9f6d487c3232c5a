"""Forms of promotion and rollback. `expected_live` is the version the page showed live, so that of two acts from the
same page one wins and the other is told."""

from __future__ import annotations

from typing import Any

from django import forms

from countersign.web.fields import PageForm


class PromoteForm(PageForm):
    """Why the version goes live."""

    reason = forms.CharField(
        label="Reason",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "voice"}),
        help_text="It stands in the ledger and in every export beside your name.",
    )
    expected_live = forms.IntegerField(widget=forms.HiddenInput, min_value=0, required=False)


class RollbackForm(PromoteForm):
    """Which earlier version comes back, and why."""

    version = forms.TypedChoiceField(label="Back to", coerce=int, widget=forms.RadioSelect)

    field_order = ("version", "reason", "expected_live")

    def __init__(self, *args: Any, numbers: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["version"]
        if isinstance(field, forms.TypedChoiceField):
            field.choices = numbers
