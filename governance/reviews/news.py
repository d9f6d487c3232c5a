"""What is new on a review since a page was drawn: a short token says what a page shows, so that an open page asks
cheaply and is told in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Max, Q

from countersign.web.formats import plural
from governance.reviews.models import Review, ThreadState
from governance.reviews.queries import standings_of

LIVE_PART = "review-live"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows: the beginning of the subject's digest, the state, and how much was signed and said."""

    subject: str
    state: str
    sign_offs: int
    remarks: int
    threads: int
    turns: int

    def __str__(self) -> str:
        counts = (self.sign_offs, self.remarks, self.threads, self.turns)
        return ".".join((self.subject, self.state, *map(str, counts)))


@dataclass(frozen=True, slots=True)
class News:
    """`said` in a sentence; `moved`: what would be signed is another than the page shows; threads above `known` are
    new to it."""

    said: str
    moved: bool
    known: int


def seen_now(review: Review, subject: str) -> Seen:
    """What a page drawn now shows of a review whose subject has this digest."""
    threads = review.threads.aggregate(
        count=Count("id"),
        resolved=Count("id", filter=Q(state=ThreadState.RESOLVED)),
        last=Max("turned_at"),
    )
    last = threads["last"]
    return Seen(
        subject=subject[:16],
        state=review.state,
        sign_offs=review.sign_offs.count(),
        remarks=review.remarks.count(),
        threads=threads["count"],
        turns=int(last.timestamp() * 1000) if last else 0,
    )


def news_of(review: Review, shown: str) -> News | None:
    """What is new since a page that shows `shown` (the text of `Seen`); None for nothing, or for no such token."""
    now = seen_now(review, standings_of([review], results=False)[0].subject.digest)
    before = _read(shown)
    if before is None or before == now:
        return None
    told = []
    if before.subject != now.subject:
        told.append("What would be signed has changed.")
    if before.state != now.state:
        told.append(f"The review is {review.get_state_display().lower()}.")
    for count, one in (
        (now.sign_offs - before.sign_offs, "new sign-off"),
        (now.remarks - before.remarks, "new remark"),
    ):
        if count > 0:
            told.append(f"{plural(count, one)}.")
    if before.turns != now.turns:
        told.append("A thread was resolved or opened again.")
    return News(" ".join(told), moved=before.subject != now.subject, known=before.threads)


def _read(shown: str) -> Seen | None:
    parts = shown.split(".")
    if len(parts) != 6 or not all(part.isascii() and part.isdigit() and len(part) < 16 for part in parts[2:]):
        return None
    sign_offs, remarks, threads, turns = map(int, parts[2:])
    return Seen(parts[0], parts[1], sign_offs, remarks, threads, turns)
