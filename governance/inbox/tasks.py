"""What a line of the inbox is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from django.urls import reverse
from django.utils.safestring import SafeString

from governance.reviews.figures import tally_of
from governance.reviews.queries import Standing


class Kind(StrEnum):
    """Why something is in the inbox; also the value of `?kind=`."""

    REVIEW = "review"
    ANSWER = "answer"
    PROMOTE = "promote"
    EXPIRING = "expiring"
    FAILED = "failed"
    RUNNING = "running"


NO_DAY = "A"  # after every day as text


@dataclass(frozen=True, slots=True)
class Task:
    """One line of the inbox. `key` names it for as long as it waits; `voice` are a person's own words, `remark`
    ours."""

    key: str
    kind: Kind
    icon: str
    tone: str
    title: str
    url: str
    since: datetime
    voice: str = ""
    remark: str = ""
    due: date | None = None
    tally: SafeString | None = None
    count: str = ""
    percent: int | None = None

    @property
    def turn(self) -> tuple[str, ...]:
        """The order of the inbox: what is due or ends first, then what waits longest."""
        return (self.due.isoformat() if self.due else NO_DAY, self.since.isoformat(), self.key)


def of_review(
    standing: Standing,
    kind: Kind,
    *,
    icon: str,
    tone: str,
    title: str,
    remark: str,
    url: str | None = None,
    due: date | None = None,
) -> Task:
    """A task about a review, with the requester's reason and the tally; `due` where it is another day than the
    review's own."""
    review = standing.review
    return Task(
        key=f"{kind}:{review.number}",
        kind=kind,
        icon=icon,
        tone=tone,
        title=title,
        url=url or reverse("governance:review", args=[review.number]),
        since=review.created_at,
        voice=review.reason,
        remark=f"Review {review.number}, requested by {review.requested_by_label}. {remark}".rstrip(),
        due=due or review.due_on,
        tally=tally_of(standing),
        count=f"{standing.signed} of {len(standing.slots)}",
    )
