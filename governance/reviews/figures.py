"""How reviews are drawn: the tally and its word, and requirements as an interval against its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.safestring import SafeString

from countersign.web.charts import interval
from countersign.web.marks import drawn_tally
from governance.policies.requirements import RequirementResult
from governance.reviews.models import ReviewState
from governance.reviews.queries import Standing

WIDTH = 160

STATES = {
    ReviewState.OPEN: ("open", "Open"),
    ReviewState.CHANGES_REQUESTED: ("half", "Changes requested"),
    ReviewState.APPROVED: ("signed", "Approved"),
    ReviewState.REJECTED: ("refused", "Rejected"),
    ReviewState.WITHDRAWN: ("not_run", "Withdrawn"),
    ReviewState.STALE: ("stale", "Stale"),
    ReviewState.EXPIRED: ("expiring", "Expired"),
    ReviewState.REVOKED: ("refused", "Revoked"),
}


def state_of(standing: Standing) -> tuple[str, str]:
    """Status kind and word of a review: an approval that no longer holds says so."""
    if standing.stale:
        return STATES[ReviewState.STALE]
    if standing.expired:
        return STATES[ReviewState.EXPIRED]
    return STATES[ReviewState(standing.review.state)]


def tally_of(standing: Standing, size: str = "") -> SafeString:
    """The tally of a review: the subject as it is, and how much of it is signed."""
    signed_digest = standing.signed_digest
    return drawn_tally(
        standing.subject.digest,
        signed=standing.signed,
        required=len(standing.slots),
        signed_digest=signed_digest,
        size=size,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """A requirement and its drawing, if what was looked at can be drawn."""

    result: RequirementResult
    drawn: SafeString | None


def shown(results: list[RequirementResult]) -> list[Shown]:
    """Requirements with their drawings, in the same order."""
    return [Shown(result, drawn(result)) for result in results]


def drawn(result: RequirementResult) -> SafeString | None:
    """The interval that decided, against its limit; of groups the worst one. None for what is no interval."""
    looked_at: Mapping[str, Any] = result.looked_at
    if groups := looked_at.get("groups"):
        looked_at = groups[0]
    if looked_at.get("op") not in (">=", ">", "<=", "<"):
        return None
    difference = "diff_ci_low" in looked_at
    low_name, high_name = ("diff_ci_low", "diff_ci_high") if difference else ("ci_low", "ci_high")
    value, low, high = (_number(looked_at.get(name)) for name in ("value", low_name, high_name))
    limit = _number(looked_at.get("limit"))
    if value is None or low is None or high is None or limit is None:
        return None
    side: Literal["below", "above"] = "below" if looked_at["op"] in (">=", ">") else "above"
    bound = str(looked_at.get("bound", ""))
    cap: Literal["low", "high"] | None = None
    if bound.endswith(("_low", "_high")):
        cap = "low" if bound.endswith("_low") else "high"
    ends = [low, high, limit, *([0.0] if difference else [])]
    room = (max(ends) - min(ends)) * 0.15 or 0.01
    return interval(
        value,
        low,
        high,
        axis=(min(ends) - room, max(ends) + room),
        label=result.title,
        limit=limit,
        limit_side=side,
        cap=cap,
        reference=0.0 if difference else None,
        insufficient=looked_at.get("state") == "insufficient",
        width=WIDTH,
    )


def _number(text: Any) -> float | None:
    return float(text) if isinstance(text, str) else None
