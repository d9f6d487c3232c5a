"""Asking for an audit export from a page."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms

from countersign.actors import Actor
from countersign.permissions import Permission
from countersign.web import formats
from countersign.web.fields import DayField, PageForm
from governance.environments.queries import environments_in_order
from governance.export.actions import REASON_LIMIT
from registry.versions.models import RegisteredModel
from registry.versions.queries import models_visible_to

ONE_MODEL, ONE_ENVIRONMENT, PERIOD = "model", "environment", "period"
_NEEDED = {ONE_MODEL: ("model",), ONE_ENVIRONMENT: ("environment",), PERIOD: ("period_start", "period_end")}
_DAY_MISSING = "Write a day, such as 30 Jun 2027."


class ExportForm(PageForm):
    """One model, one environment or a period of days, and why. Days are in UTC, both included."""

    use_required_attribute = False
    scope = forms.ChoiceField(
        label="What it is about",
        choices=[
            (ONE_MODEL, "One model"),
            (ONE_ENVIRONMENT, "One environment"),
            (PERIOD, "Everything in a period"),
        ],
        widget=forms.RadioSelect,
        initial=ONE_MODEL,
    )
    model = forms.ModelChoiceField(
        RegisteredModel.objects.none(),
        label="Model",
        empty_label="choose a model",
        error_messages={"required": "Choose the model."},
    )
    environment = forms.ModelChoiceField(
        environments_in_order(),
        label="Environment",
        empty_label="choose an environment",
        error_messages={"required": "Choose the environment."},
    )
    period_start = DayField(label="From", error_messages={"required": _DAY_MISSING})
    period_end = DayField(
        label="Until",
        help_text="For a period. Days in UTC, both included.",
        error_messages={"required": _DAY_MISSING},
    )
    reason = forms.CharField(
        label="Why you take it away",
        max_length=REASON_LIMIT,
        widget=forms.Textarea(attrs={"rows": 2, "class": "voice"}),
        help_text="Printed on the cover and kept in the ledger.",
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scope, model = self.fields["scope"], self.fields["model"]
        assert isinstance(model, forms.ModelChoiceField)  # noqa: S101 - declared above
        teams = actor.teams_with(Permission.EXPORT)
        visible = models_visible_to(actor).order_by("name_folded")
        model.queryset = visible if teams is None else visible.filter(team__in=teams)
        scope.hints = {  # type: ignore[attr-defined]
            ONE_MODEL: "Its versions, evidence, cards, reviews and promotions, and every entry about them.",
            ONE_ENVIRONMENT: "Every model that was live there, was promoted to it or reviewed for it, whole.",
            PERIOD: "Every entry of the period, whatever it is about.",
        }
        if teams is not None:
            why = "For auditors and compliance officers, who see every team."
            scope.refused = {ONE_ENVIRONMENT: why, PERIOD: why}  # type: ignore[attr-defined]

    def full_clean(self) -> None:
        """Only what the chosen scope needs must be there."""
        needed = _NEEDED.get(self.data.get("scope", ""), ())
        of_a_scope = [self.fields[name] for names in _NEEDED.values() for name in names]
        for field in of_a_scope:
            field.required = field in [self.fields[name] for name in needed]
        super().full_clean()
        for field in of_a_scope:
            field.required = True  # no label says “optional”: which are needed the choice says

    def clean(self) -> dict[str, Any]:
        """The period ends after it begins."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = cleaned.get("period_start"), cleaned.get("period_end")
        if cleaned.get("scope") == PERIOD and first and last and first > last:
            self.add_error("period_start", _other_way_round(first, last))
        return cleaned

    def arguments(self) -> dict[str, Any]:
        """What `request_export` is given of a valid form."""
        asked: dict[str, Any] = {"reason": self.cleaned_data["reason"]}
        if self.cleaned_data["scope"] == ONE_MODEL:
            return asked | {"model": self.cleaned_data["model"]}
        if self.cleaned_data["scope"] == ONE_ENVIRONMENT:
            return asked | {"environment": self.cleaned_data["environment"]}
        return asked | {
            "period_start": _midnight(self.cleaned_data["period_start"]),
            "period_end": _midnight(self.cleaned_data["period_end"] + timedelta(days=1)),
        }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _other_way_round(first: date, last: date) -> str:
    """Most often the year slipped."""
    sentence = "The first day lies after the last."
    try:
        meant = first.replace(year=last.year)
    except ValueError:
        return sentence
    return f"{sentence} Did you mean {formats.day(meant)}?" if meant <= last else sentence
