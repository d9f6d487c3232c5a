"""The form that puts a task aside."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from countersign import clock
from countersign.web.fields import DayField, PageForm

TOO_LONG = 10_000  # days that no action allows, and still a day of the calendar


class SnoozeForm(PageForm):
    """Until which day: named by a button, or typed."""

    task = forms.CharField(widget=forms.HiddenInput, max_length=100)
    days = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)
    until = DayField(label="Put aside until", required=False, help_text="A day, such as 30 Jun 2027.")

    def clean(self) -> dict[str, Any]:
        """`until` as a day; a button counts from today."""
        given = super().clean() or {}
        if given.get("days"):
            given["until"] = clock.now().date() + timedelta(days=min(given["days"], TOO_LONG))
        elif not given.get("until") and "until" not in self.errors:
            self.add_error("until", "Until which day? Write it such as 30 Jun 2027.")
        return given
