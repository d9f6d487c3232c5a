"""How numbers, sizes and times are written: a true minus sign, thousands with a comma, times in UTC.

Undefined is never 0 and never a dash: `None` and not-a-number become "not measured".
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

MINUS = "\u2212"
NOT_MEASURED = "not measured"
NOT_RECORDED = "not recorded"

Number = int | float | Decimal


def _defined(value: Any) -> Number | None:
    """The number, or None for what is undefined. Raises TypeError for what is not a number at all."""
    if value is None:
        return None
    if isinstance(value, str):
        value = Decimal(value)  # evidence writes decimals as strings
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(f"not a number: {value!r}")
    return value if math.isfinite(value) else None


def _signed(text: str, *, plus: bool = False) -> str:
    """Rounding may leave "-0.000": a zero has no sign."""
    if text.startswith("-"):
        return text[1:] if not text.strip("-0.,") else MINUS + text[1:]
    return f"+{text}" if plus and text.strip("0.,") else text


def score(value: Any, places: int = 3) -> str:
    """A score: three decimals. 0.7896 → "0.790"."""
    number = _defined(value)
    return NOT_MEASURED if number is None else _signed(f"{number:,.{places}f}")


def difference(value: Any, places: int = 3) -> str:
    """A difference of scores, always with its sign. −0.0231 → "−0.023", 0.02 → "+0.020"."""
    number = _defined(value)
    return NOT_MEASURED if number is None else _signed(f"{number:,.{places}f}", plus=True)


def quantity(value: Any, figures: int = 4, *, plus: bool = False, beside: Any = None) -> str:
    """A number in a unit of its own, to four figures: 53210.4 → "53,210", 12.3456 → "12.35". `plus`: a
    difference, always with its sign. `beside`: the larger number whose decimals it takes, so that "−345 to 1,047"
    does not read "−344.8 to 1,047"."""
    number, other = _defined(value), _defined(beside)
    if number is None:
        return NOT_MEASURED
    size = max(abs(float(number)), abs(float(other or 0)))
    if size and not 1e-6 <= size < 1e15:
        return _signed(f"{number:.{figures - 1}e}", plus=plus)
    places = figures - 1 - math.floor(math.log10(size)) if size else 0
    return _signed(f"{number:,.{max(places, 0)}f}", plus=plus)


def quantities(low: Any, high: Any) -> str:
    """An interval in a unit of its own, both ends with as many decimals: "−345 to 1,047"."""
    return f"{quantity(low, beside=high)} to {quantity(high, beside=low)}"


def percent(value: Any, places: int = 1) -> str:
    """A share of one as per cent. 0.6412 → "64.1 %"."""
    number = _defined(value)
    return NOT_MEASURED if number is None else f"{_signed(f'{number * 100:,.{places}f}')} %"


def thousands(value: Any) -> str:
    """A count. 9000 → "9,000"."""
    number = _defined(value)
    return NOT_MEASURED if number is None else _signed(f"{number:,.0f}")


def span(low: Any, high: Any, places: int = 3) -> str:
    """An interval in words: "0.779 to 0.802"."""
    return (
        NOT_MEASURED
        if None in (_defined(low), _defined(high))
        else f"{score(low, places)} to {score(high, places)}"
    )


def size(count: Any) -> str:
    """A size in bytes by powers of 1,000: "12 bytes", "248 kB", "11.2 MB". Raises ValueError below zero."""
    number = _defined(count)
    if number is None:
        return NOT_RECORDED
    if number < 0:
        raise ValueError("a size is not negative")
    if number < 1000:
        return f"{number:.0f} byte{'' if number == 1 else 's'}"
    value = float(number)
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        value /= 1000
        # 999.95 would be printed as "1000.0": it belongs to the next unit.
        if value < 999.5 or unit == "PB":
            break
    return f"{value:.{1 if value < 9.95 or (unit != 'kB' and value < 99.95) else 0}f} {unit}"


def duration(seconds: Any) -> str:
    """How long: "0.4 s", "47 s", "3 min 20 s", "2 h 5 min"."""
    number = _defined(seconds)
    if number is None:
        return NOT_RECORDED
    value = float(number)
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(whole / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def instant(moment: datetime, *, seconds: bool = False) -> str:
    """An instant in UTC: "11 Nov 2026 09:14". Raises ValueError for a naive one, which could be any time."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is not printed")
    there = moment.astimezone(UTC)
    return f"{day(there.date())} {there:%H:%M:%S}" if seconds else f"{day(there.date())} {there:%H:%M}"


def day(value: date) -> str:
    """A day: "11 Nov 2026"."""
    return f"{value.day} {value:%b} {value:%Y}"


def relative(moment: datetime, now: datetime) -> str | None:
    """How far away: "12 seconds ago", "in 3 hours". None beyond a day, where the date says more."""
    delta = moment - now
    apart = abs(delta)
    if apart >= timedelta(days=1):
        return None
    seconds = int(apart.total_seconds())
    if seconds < 5:
        return "now"
    count, unit = (seconds, "second") if seconds < 60 else (seconds // 60, "minute")
    if seconds >= 3600:
        count, unit = seconds // 3600, "hour"
    said = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"in {said}" if delta > timedelta(0) else f"{said} ago"


def plural(count: int, one: str, many: str | None = None) -> str:
    """ "1 reason", "4 reasons"."""
    return f"{thousands(count)} {one if count == 1 else many or one + 's'}"
