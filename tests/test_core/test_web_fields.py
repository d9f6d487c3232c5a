"""A day is read leniently and echoed in full; an error names the mend."""

from __future__ import annotations

from datetime import date

import pytest
from django import forms
from django.core.exceptions import ValidationError

from countersign.web.fields import DayField, PageForm


@pytest.mark.parametrize(
    "typed",
    [
        "30 Jun 2027",
        "30 june 2027",
        " 30  JUNE 2027 ",
        "30. Jun. 2027",
        "2027-06-30",
        "30.6.2027",
        "30.06.2027",
    ],
)
def test_a_day_is_read_leniently(typed: str) -> None:
    assert DayField().clean(typed) == date(2027, 6, 30)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("31 Jun 2027", "June 2027 has 30 days. Did you mean 30 Jun 2027?"),
        ("29 Feb 2027", "February 2027 has 28 days. Did you mean 28 Feb 2027?"),
        ("0 Jun 2027", "Did you mean 1 Jun 2027?"),
        ("2027-13-01", "There is no month 13."),
        ("6/7/2027", "such as 30 Jun 2027"),
        ("soon", "such as 30 Jun 2027"),
        ("30 Jux 2027", "such as 30 Jun 2027"),
        ("30 Junebug 2027", "such as 30 Jun 2027"),
        ("30 Jun 0027", "outside what can be recorded"),
        ("2027-06-30\x00", "such as 30 Jun 2027"),
    ],
)
def test_an_error_names_the_mend(typed: str, says: str) -> None:
    with pytest.raises(ValidationError) as raised:
        DayField().clean(typed)
    assert says in raised.value.messages[0]


def test_a_leap_day_is_a_day() -> None:
    assert DayField().clean("29 Feb 2028") == date(2028, 2, 29)


class Waiver(PageForm):
    until = DayField(label="Until")
    owner_name = forms.CharField()
    reason = forms.CharField(error_messages={"required": "A waiver needs a reason."})
    note = forms.CharField(required=False)


def test_what_is_missing_is_named() -> None:
    form = Waiver({})
    assert not form.is_valid()
    assert form.errors["until"] == ["Until is missing."]
    assert form.errors["owner_name"] == ["Owner name is missing."]
    assert form.errors["reason"] == ["A waiver needs a reason."]
    assert "note" not in form.errors


def test_a_day_is_echoed_in_full_and_a_mistake_as_typed() -> None:
    assert 'value="30 Jun 2027"' in str(Waiver(initial={"until": date(2027, 6, 30)})["until"])
    assert 'value="31 jun 27"' in str(Waiver({"until": "31 jun 27"})["until"])
