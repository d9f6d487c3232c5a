"""One promotion or rollback as the steps it went through, each with its time, who, and the entry that proves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse

from countersign.actors import Actor
from countersign.ledger import queries as ledger
from countersign.ledger.queries import Filters, ReadEntry
from countersign.web.formats import plural
from governance.promotion.models import LivePeriod, Promotion, PromotionKind
from governance.promotion.verbs import PROMOTED, ROLLED_BACK
from governance.reviews.models import SignOff
from registry.versions.verbs import ALIAS_SET


@dataclass(frozen=True, slots=True)
class Passed:
    """A step that was passed: what, a remark, when, and the entry of the ledger that says so."""

    text: str
    note: str = ""
    at: datetime | None = None
    url: str = ""
    entry: ReadEntry | None = None
    state: str = "met"
    word: str = "Done"


def steps_of(promotion: Promotion, period: LivePeriod, actor: Actor) -> list[Passed]:
    """The steps of a promotion in their order. They happened in one transaction, save the approval before it."""
    back = promotion.kind == PromotionKind.ROLLBACK
    own = _entries(promotion, period, actor)
    steps = []
    if (review := promotion.review) is not None:
        signed = SignOff.objects.filter(
            review=review, subject_digest=promotion.subject_digest, decision="approve"
        )
        names = ", ".join(signed.order_by("signed_at").values_list("printed_name", flat=True))
        steps.append(
            Passed(
                f"Approved in review {review.number}",
                f"signed by {names}" if names else "",
                review.decided_at,
                reverse("governance:review", args=[review.number]),
            )
        )
    notes = promotion.verdict.get("notes", [])
    said = (
        f"with {plural(len(notes), 'note')}: " + " ".join(str(one["message"]) for one in notes)
        if notes
        else ""
    )
    if back:
        steps.append(Passed("Was live here before and not revoked", said, promotion.promoted_at))
        steps.append(Passed("Every file read and equal to its digest", "before any row was locked"))
    else:
        steps.append(Passed("Gate asked again under its locks: allowed", said, promotion.promoted_at))
    before = f"from version {promotion.previous.number} " if promotion.previous else ""
    steps.append(
        Passed(
            f"Alias {promotion.environment.alias} moved {before}to version {promotion.version.number}",
            "in the same transaction: it moves, or nothing happens",
            promotion.promoted_at,
            entry=own.get("alias"),
        )
    )
    steps.append(Passed("Entry written", "", promotion.promoted_at, entry=own.get("promotion")))
    steps.append(_since(period))
    return steps


def _since(period: LivePeriod) -> Passed:
    start, end = period.during.lower, period.during.upper
    if end is None:
        return Passed("Live", "until the next promotion", start, state="running", word="Live now")
    return Passed("Live", f"until {end:%d %b %Y %H:%M}", start, state="not_run", word="Was live")


def _entries(promotion: Promotion, period: LivePeriod, actor: Actor) -> Mapping[str, ReadEntry]:
    """The entries of the act, as far as the actor may read them."""
    told = ledger.entries_by_id([period.entry]).get(period.entry)
    if told is None:
        return {}
    found: dict[str, ReadEntry] = {}
    for entry in ledger.entries(actor=actor, filters=Filters(act=UUID(told.leaf["act"])), limit=20).entries:
        verb = entry.leaf["verb"]
        if verb in (PROMOTED.name, ROLLED_BACK.name) and entry.id == period.entry:
            found["promotion"] = entry
        elif verb == ALIAS_SET.name:
            found["alias"] = entry
    return found
