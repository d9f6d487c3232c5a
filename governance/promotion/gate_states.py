"""The gate's answer in one word, for lists: what stands in the way first."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models

from governance.promotion.queries import Gate


class GateState(models.TextChoices):
    """What a list of models is narrowed by."""

    ALLOWED = "allowed", "allowed"
    NOT_MET = "not-met", "requirements not met"
    NOT_MEASURED = "not-measured", "not measured"
    STALE = "stale", "stale or expired"
    WAITING = "waiting", "sign-offs missing"
    DECLINED = "declined", "rejected or revoked"
    NO_POLICY = "no-policy", "no tier or policy"
    ARCHIVED = "archived", "newest version archived"


@dataclass(frozen=True, slots=True)
class Answer:
    """The state with its status kind and the words of a list."""

    state: GateState
    kind: str
    word: str


_BY_CODE = {
    "archived": Answer(GateState.ARCHIVED, "not_run", "Archived"),
    "no_tier": Answer(GateState.NO_POLICY, "missing", "No tier"),
    "no_policy": Answer(GateState.NO_POLICY, "missing", "No policy"),
    "approval_stale": Answer(GateState.STALE, "stale", "Stale"),
    "review_stale": Answer(GateState.STALE, "stale", "Stale"),
    "approval_expired": Answer(GateState.STALE, "expiring", "Expired"),
    "review_expired": Answer(GateState.STALE, "expiring", "Expired"),
    "review_rejected": Answer(GateState.DECLINED, "refused", "Rejected"),
    "review_revoked": Answer(GateState.DECLINED, "refused", "Revoked"),
}


def answer_of(gate: Gate) -> Answer:
    """The gate's answer: a decision that fell or is void, then requirements, then sign-offs that are missing."""
    if gate.verdict:
        return Answer(GateState.ALLOWED, "met", "Allowed")
    codes = {reason.code for reason in gate.verdict.reasons}
    for code, answer in _BY_CODE.items():
        if code in codes:
            return answer
    blocking = [one for one in gate.requirements if one.blocks]
    for state, word in (("not_met", "not met"), ("insufficient", "insufficient")):
        if count := sum(one.state == state for one in blocking):
            return Answer(GateState.NOT_MET, state, f"{count} {word}")
    if blocking:
        running = any(one.looked_at.get("newest_state") == "waiting" for one in blocking)
        kind, word = ("running", "Evaluating") if running else ("not_measured", "Not measured")
        return Answer(GateState.NOT_MEASURED, kind, word)
    if "changes_requested" in codes:
        return Answer(GateState.WAITING, "half", "Changes requested")
    if gate.standing is not None:
        return Answer(GateState.WAITING, "waiting", f"{gate.standing.signed} of {len(gate.standing.slots)}")
    return Answer(GateState.WAITING, "waiting", "No review yet")
