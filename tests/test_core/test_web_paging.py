"""A long list is walked to its end and back without losing or repeating a row."""

from __future__ import annotations

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.test import RequestFactory

from countersign.errors import Invalid
from countersign.web.paging import window_of
from countersign.web.parts import Window

pytestmark = pytest.mark.django_db
ORDER = ("app_label", "-model", "pk")


@pytest.fixture
def rows() -> QuerySet[ContentType]:
    """Twenty-three rows in three groups, so that ties in the first field cross the windows."""
    ContentType.objects.bulk_create(
        ContentType(app_label=f"paging{number % 3}", model=f"model{number:02}") for number in range(23)
    )
    return ContentType.objects.filter(app_label__startswith="paging")


def look(rows: QuerySet[ContentType], query: str = "", size: int = 5) -> tuple[list[str], Window]:
    shown, window = window_of(RequestFactory().get(f"/list/{query}"), rows, order_by=ORDER, size=size)
    return [row.model for row in shown], window


def test_later_and_later_reaches_every_row_once(rows: QuerySet[ContentType]) -> None:
    expected = list(rows.order_by(*ORDER).values_list("model", flat=True))
    names, window = look(rows)
    seen = list(names)
    assert (window.first, window.last, window.total, window.earlier) == (1, 5, 23, None)
    while window.later:
        names, window = look(rows, window.later)
        assert window.first == len(seen) + 1
        seen += names
    assert seen == expected
    assert window.last == 23


def test_earlier_leads_back_the_same_way(rows: QuerySet[ContentType]) -> None:
    first, window = look(rows)
    assert window.later
    second, later = look(rows, window.later)
    assert later.later
    assert later.earlier
    _, third = look(rows, later.later)
    assert third.earlier
    again, back = look(rows, third.earlier)
    assert again == second
    assert (back.first, back.last) == (6, 10)
    assert back.earlier
    start, begin = look(rows, back.earlier)
    assert start == first
    assert begin.earlier is None
    assert begin.later


def test_a_row_that_arrives_meanwhile_repeats_none(rows: QuerySet[ContentType]) -> None:
    first, window = look(rows)
    ContentType.objects.create(app_label="paging0", model="zzz")
    assert window.later
    second, _ = look(rows, window.later)
    assert not set(first) & set(second)


def test_other_filters_stay_in_the_address(rows: QuerySet[ContentType]) -> None:
    _, window = look(rows, "?tier=high&q=a%26b")
    assert window.later
    assert window.later.startswith("?tier=high&q=a%26b&at=")


def test_an_empty_list_has_no_window(rows: QuerySet[ContentType]) -> None:
    names, window = look(rows.none())
    assert (names, window) == ([], Window(0, 0, 0))


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        "W10",
        "WzEsMF0",
        "WzEsMCxudWxsLDEsMV0",
        "WzEsMCwiYSIsImIiLCJ4Il0",
        "8J-YgA",
        "WzAsMCwiYSIsImIiLDFd",
    ],
)
def test_a_damaged_cursor_is_said_to_be_one(rows: QuerySet[ContentType], cursor: str) -> None:
    with pytest.raises(Invalid, match="damaged"):
        look(rows, f"?at={cursor}")
