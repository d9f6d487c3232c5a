"""Forms and fields that answer in sentences which name the mend."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from countersign.errors import Invalid
from countersign.web import formats

_MONTHS = {name[:3].lower(): number for number, name in enumerate(calendar.month_name) if name}
_WORDED = re.compile(r"(\d{1,2})\.?\s+([a-z]{3,9})\.?,?\s+(\d{4})", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTTED = re.compile(r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})")
_EXAMPLE = "30 Jun 2027"


class PageForm(forms.Form):
    """The base of our forms: no colon after a label, and a missing value is named."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            usual = (
                type(field).default_error_messages.get("required")
                or forms.Field.default_error_messages["required"]
            )
            if field.error_messages.get("required") == usual:
                field.error_messages["required"] = f"{field.label or _label(name)} is missing."

    def take(self, error: Invalid) -> None:
        """Show what an action found wrong beside its fields; what belongs to none of them stands above."""
        for name, sentences in (error.fields or {"": [error.message]}).items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


class DayField(forms.Field):
    """A day, typed: "30 Jun 2027", "30 June 2027", "2027-06-30" or "30.6.2027"; shown again as the first.

    A day the month does not have is refused with the nearest it has. Numbers with slashes are refused: 6/7 is
    June to some and July to others."""

    widget = forms.TextInput(attrs={"autocomplete": "off", "inputmode": "text"})

    def to_python(self, value: Any) -> date | None:
        """The day, or None for nothing typed. Raises ValidationError with a sentence that names the mend."""
        if value in self.empty_values:
            return None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        year, month, number = self._parts(" ".join(str(value).split()))
        if not 1900 <= year <= 9998:
            raise ValidationError(
                f"The year {year} is outside what can be recorded. Write a day, such as {_EXAMPLE}."
            )
        last = calendar.monthrange(year, month)[1]
        if not 1 <= number <= last:
            nearest = formats.day(date(year, month, last if number > last else 1))
            raise ValidationError(
                f"{calendar.month_name[month]} {year} has {last} days. Did you mean {nearest}?"
            )
        return date(year, month, number)

    def prepare_value(self, value: Any) -> Any:
        """A day is echoed in full; what could not be read stays as it was typed."""
        return formats.day(value) if isinstance(value, date) else value

    def _parts(self, said: str) -> tuple[int, int, int]:
        if (found := _WORDED.fullmatch(said)) and (month := _month(found[2])):
            return int(found[3]), month, int(found[1])
        if found := _ISO.fullmatch(said):
            year, month, number = int(found[1]), int(found[2]), int(found[3])
        elif found := _DOTTED.fullmatch(said):
            number, month, year = int(found[1]), int(found[2]), int(found[3])
        else:
            raise ValidationError(f"This is not a day that can be read. Write it such as {_EXAMPLE}.")
        if not 1 <= month <= 12:
            raise ValidationError(f"There is no month {month}. Write the day such as {_EXAMPLE}.")
        return year, month, number


def _month(word: str) -> int | None:
    """The month whose English name begins with the word (at least three letters)."""
    number = _MONTHS.get(word[:3].lower())
    return number if number and calendar.month_name[number].lower().startswith(word.lower()) else None
