"""What was said in a review: the whole as one story, and a thread for each thing somebody hung a question on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from countersign.actors import Actor
from countersign.ledger.names import names_of
from countersign.ledger.queries import Filters, entries
from governance.reviews.anchors import AnchorKind, drawn_estimate, find_anchor
from governance.reviews.models import Decision, Remark, Review, ReviewState, SignOff, Thread, ThreadState
from governance.reviews.queries import Standing
from governance.reviews.verbs import (
    REVIEW_ANSWERED,
    REVIEW_DECIDED,
    REVIEW_ENDED,
    REVIEW_REVOKED,
    REVIEW_WITHDRAWN,
)

EVENTS_SHOWN = 50
DECIDED = {
    Decision.APPROVE: ("signed", "Signed"),
    Decision.REQUEST_CHANGES: ("half", "Asked for changes"),
    Decision.REJECT: ("refused", "Rejected"),
}
MOVED = {
    ReviewState.APPROVED: "the review is approved",
    ReviewState.REJECTED: "the review is closed as rejected",
    ReviewState.CHANGES_REQUESTED: "nobody can approve until the changes are answered",
}
EVENTS = {
    REVIEW_ANSWERED.name: "answered the requested changes: the review is open again",
    REVIEW_WITHDRAWN.name: "withdrew the review",
    REVIEW_REVOKED.name: "revoked the approval",
    REVIEW_ENDED.name: "asked for a new review, so this one ended",
}
# Where on the page the thing a thread hangs on stands: the beginning of its row's id.
ROWS = {AnchorKind.MEASURE: "m", AnchorKind.REQUIREMENT: "q", AnchorKind.SECTION: "c"}


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of the conversation: a remark, a signed decision (with its status), or what somebody did."""

    kind: str
    who: str
    at: datetime
    text: str = ""
    status: tuple[str, str] = ("", "")
    as_what: str = ""


@dataclass(frozen=True, slots=True)
class Hung:
    """A thread as the page shows it. `anchor` is what the thing said when the thread began; `earlier` says what it
    was read from where the subject has moved on since, `now` what it says now (empty: it is gone)."""

    thread: Thread
    remarks: list[Remark]
    drawn: SafeString | None
    earlier: str
    now: str

    @property
    def place(self) -> str:
        """The id of the row on the page."""
        kind, _, name = self.thread.anchor_key.partition(":")
        return f"{ROWS[AnchorKind(kind)]}-{name}" if kind in ROWS else "things"

    @property
    def open(self) -> bool:
        """Whether it waits to be settled."""
        return self.thread.state == ThreadState.OPEN


def threads_of(standing: Standing) -> list[Hung]:
    """The threads of a review with their remarks, those that are open first."""
    threads = standing.review.threads.prefetch_related("remarks").order_by("number")
    return sorted((_hung(standing, one) for one in threads), key=lambda one: not one.open)


def _hung(standing: Standing, thread: Thread) -> Hung:
    anchor = thread.anchor
    fixed = anchor["kind"] == AnchorKind.FILE  # a manifest never changes
    present = None if fixed else find_anchor(standing, thread.anchor_key)
    same = fixed or (present is not None and f"sha256:{present.digest}" == anchor["digest"])
    return Hung(
        thread=thread,
        remarks=sorted(thread.remarks.all(), key=lambda one: (one.created_at, one.id)),
        drawn=drawn_estimate(anchor["estimate"], anchor["title"]),
        earlier="" if same else anchor["source"],
        now=present.said if present is not None and not same else "",
    )


def story_of(actor: Actor, review: Review) -> list[Said]:
    """Who asked, what was said about the whole, signed and done, oldest first."""
    said = [
        Said(
            "remark",
            review.requested_by_label,
            review.created_at,
            review.reason,
            as_what="asked for this review",
        )
    ]
    said += [
        Said("remark", remark.author_label, remark.created_at, remark.body)
        for remark in review.remarks.filter(thread=None).order_by("created_at", "id")
    ]
    said += [_decision(sign_off) for sign_off in review.sign_offs.order_by("signed_at", "id")]
    found = entries(
        actor=actor,
        filters=Filters(subject_type=Review.ledger_type, subject_ref=review.id),
        limit=EVENTS_SHOWN,
    ).entries
    names = names_of(found)
    for entry in found:
        verb = entry.leaf["verb"]
        if verb in EVENTS:
            said.append(
                Said(
                    "did",
                    names[entry.id],
                    entry.recorded_at,
                    entry.personal.get("reason", ""),
                    as_what=EVENTS[verb],
                )
            )
        elif verb == REVIEW_DECIDED.name:
            said.append(
                Said(
                    "did",
                    "",
                    entry.recorded_at,
                    as_what=f"With that, {MOVED[entry.leaf['data']['after']['state']]}",
                )
            )
    return sorted(said, key=lambda one: one.at)


def _decision(sign_off: SignOff) -> Said:
    return Said(
        "decision",
        sign_off.printed_name,
        sign_off.signed_at,
        sign_off.reason,
        status=DECIDED[Decision(sign_off.decision)],
        as_what=f"as {sign_off.role}, meaning {sign_off.meaning}",
    )
