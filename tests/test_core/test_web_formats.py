"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from countersign.web import formats


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.7896, "0.790"),
        (-0.0231, "−0.023"),
        (-0.0001, "0.000"),
        (1234.5, "1,234.500"),
        ("0.5", "0.500"),
        (Decimal("0.1235"), "0.124"),
        (None, "not measured"),
        (float("nan"), "not measured"),
        (float("inf"), "not measured"),
    ],
)
def test_score(value: object, said: str) -> None:
    assert formats.score(value) == said


def test_a_difference_always_has_its_sign_and_zero_none() -> None:
    assert [formats.difference(x) for x in (0.02, -0.02, 0.0, -0.00001)] == [
        "+0.020",
        "−0.020",
        "0.000",
        "0.000",
    ]


def test_percent_thousands_span() -> None:
    assert formats.percent(0.6412) == "64.1 %"
    assert formats.thousands(9000) == "9,000"
    assert formats.span(0.779, 0.802) == "0.779 to 0.802"
    assert formats.span(None, 0.802) == "not measured"


@pytest.mark.parametrize("value", [True, [], object()])
def test_what_is_no_number_is_an_error_not_a_blank(value: object) -> None:
    with pytest.raises(TypeError):
        formats.score(value)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1300, "1.3 kB"),
        (248_123, "248 kB"),
        (999_960, "1.0 MB"),
        (11_200_000, "11.2 MB"),
        (164_000_000, "164 MB"),
        (2_000_000_000, "2.0 GB"),
        (None, "not recorded"),
    ],
)
def test_size(count: int | None, said: str) -> None:
    assert formats.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.42, "0.4 s"),
        (47.2, "47 s"),
        (200, "3 min 20 s"),
        (120, "2 min"),
        (7500, "2 h 5 min"),
        (3599.9, "1 h"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    assert formats.duration(seconds) == said


def test_times_are_utc_and_a_naive_one_is_refused() -> None:
    there = datetime(2026, 11, 11, 10, 14, 7, tzinfo=timezone(timedelta(hours=1)))
    assert formats.instant(there) == "11 Nov 2026 09:14"
    assert formats.instant(there, seconds=True) == "11 Nov 2026 09:14:07"
    assert formats.day(date(2026, 3, 3)) == "3 Mar 2026"
    with pytest.raises(ValueError, match="zone"):
        formats.instant(datetime(2026, 11, 11, 9, 14))


def test_relative_times_end_after_a_day() -> None:
    now = datetime(2026, 11, 11, 9, 14, tzinfo=UTC)
    assert formats.relative(now - timedelta(seconds=12), now) == "12 seconds ago"
    assert formats.relative(now - timedelta(minutes=1, seconds=30), now) == "1 minute ago"
    assert formats.relative(now + timedelta(hours=3), now) == "in 3 hours"
    assert formats.relative(now - timedelta(days=1), now) is None
