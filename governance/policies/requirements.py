"""What judging gives: one result for each requirement, and the small parts every judgement is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from countersign.web.formats import MINUS
from governance.policies.document import Rule

State = Literal["met", "not_met", "insufficient", "not_measured", "waived", "not_applicable"]


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """How one requirement stands. `sentence` is the demand, `message` what was found: the number, the end
    of the interval and the limit. `blocks`: promotion is refused because of it. `looked_at` holds text,
    whole numbers and lists of them only; numbers that were measured are exact decimals as text. `link`
    leads to what was looked at."""

    rule_id: str
    title: str
    sentence: str
    state: State
    blocks: bool
    message: str
    looked_at: dict[str, Any]
    link: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What looking gave, before the rule says what follows of it. `missing` marks what was not measured at
    all: the rule's `on_missing` decides."""

    state: State
    message: str
    looked_at: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def missing(cls, message: str, looked_at: dict[str, Any] | None = None) -> Outcome:
        """Nothing was measured, so nothing is met."""
        return cls("not_measured", message, looked_at or {})


def exact(number: object) -> Decimal | None:
    """A measured number as the exact decimal it prints as; None for what is no finite number."""
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return None
    return Decimal(repr(number))


def holds(value: Decimal, rule: Rule) -> bool:
    """Whether an exact number keeps the rule's limit; no tolerance."""
    limit = rule.limit
    if not isinstance(limit, Decimal):
        raise TypeError(f"rule {rule.id} has no number as its limit")
    match rule.op:
        case ">=":
            return value >= limit
        case "<=":
            return value <= limit
        case ">":
            return value > limit
        case "<":
            return value < limit
    raise ValueError(f"rule {rule.id}: {rule.op} does not compare numbers")


def shown(value: Decimal, rule: Rule, *, places: int = 3) -> str:
    """A number with as many decimals as it takes for the printed number to keep or miss the limit as the
    exact one does: 0.6999 is never printed as 0.700 beside a limit of 0.70."""
    truth = holds(value, rule)
    while holds(Decimal(f"{value:.{places}f}"), rule) is not truth:
        places += 1
    return signed(f"{value:,.{places}f}")


def plainly(value: Decimal | None) -> str:
    """A number with three decimals, for what no limit is compared with."""
    return "not defined" if value is None else signed(f"{value:,.3f}")


def signed(text: str) -> str:
    """A true minus sign; none before a zero."""
    if text.startswith("-"):
        return MINUS + text[1:] if text.strip("-0.,") else text[1:]
    return text


def exact_text(number: object) -> str | None:
    """An exact decimal as text, as `looked_at` keeps it."""
    value = exact(number)
    return None if value is None else f"{value:f}"
