"""What a policy says, once parsed: plain values, no table."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class RequiredSignOff:
    """One signature a policy asks for. `independent`: the signer holds no contributor or owner role in the
    model's team (separation of duties S3)."""

    key: str
    title: str
    meaning: str
    role: str
    independent: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement. `path` points into the evidence; `bound` names the end of the interval the rule reads;
    `limit` is an exact decimal, a tuple of allowed words, or None for the operator `recorded`."""

    id: str
    title: str
    path: str
    op: str
    limit: Decimal | tuple[str, ...] | None
    bound: str
    min_n: int
    each: str | None
    compare_to: str | None
    on_missing: str
    on_insufficient: str
    severity: str
    serves: tuple[str, ...]
    why: str
    lines: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A whole policy. `digest` is the SHA-256 (hex) of the canonical form of what was parsed, so that
    comments and line breaks of the YAML change nothing."""

    name: str
    risk_tier: str
    environment: str
    suite: str
    rules: tuple[Rule, ...]
    card_sections: tuple[str, ...]
    sign_offs: tuple[RequiredSignOff, ...]
    approval_valid_days: int
    evaluation_max_age_days: int | None
    digest: str
