"""What is live where, as pages show it: each with the tally of the review behind it, and whether the approval
still holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils.safestring import SafeString

from countersign.actors import Actor
from countersign.web.formats import day
from countersign.web.marks import drawn_tally
from governance.environments.models import Environment
from governance.environments.queries import environments_in_order
from governance.promotion.models import LivePeriod, Promotion
from governance.reviews.figures import state_of, tally_of
from governance.reviews.models import Review, ReviewState
from governance.reviews.queries import Standing, standings_of, with_their_rows
from registry.versions.models import RegisteredModel
from registry.versions.queries import models_visible_to

# What needs eyes first.
_RANK = {"Revoked": 0, "Stale": 1, "Expired": 2}


@dataclass(frozen=True, slots=True)
class Live:
    """A version that is live in an environment, and where the review behind it stands."""

    period: LivePeriod
    standing: Standing | None

    @property
    def holds(self) -> bool:
        """Whether the approval behind it still holds."""
        return self.standing is not None and state_of(self.standing)[1] == "Approved"

    @property
    def signers(self) -> str:
        """Who signed the subject it lives by, by name; empty where nobody's signature holds."""
        if self.standing is None:
            return ""
        names = [slot.signed.printed_name for slot in self.standing.slots if slot.signed]
        return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))

    @property
    def state(self) -> tuple[str, str]:
        """Status kind and words: until when the approval holds, or why it does not."""
        if self.standing is None:
            return "missing", "No review on record"
        kind, word = state_of(self.standing)
        ends_at = self.standing.ends_at
        if word == "Approved" and ends_at is not None:
            return "met", f"Until {day(ends_at.date())}"
        return ("refused", "Revoked") if word == "Revoked" else (kind, word)

    @property
    def word(self) -> str:
        """The state for the wall: countersigned, or what is wrong."""
        if self.holds:
            return "countersigned"
        words = {"Revoked": "approval revoked", "Stale": "stale signature", "Expired": "approval expired"}
        return words.get(self.state[1], self.state[1].lower())

    @property
    def tone(self) -> str:
        """The role colour of `word`."""
        return "" if self.holds else "refuse" if self.state[1] == "Revoked" else "doubt"

    def tally(self, size: str = "") -> SafeString:
        """The tally; a revoked approval leaves the lower half empty."""
        if self.standing is None:
            return drawn_tally(self.period.version.digest, size=size)
        if self.standing.review.state == ReviewState.REVOKED:
            return drawn_tally(self.standing.subject.digest, state="open", size=size)
        return tally_of(self.standing, size)

    @property
    def small(self) -> SafeString:
        """The tally as lists draw it."""
        return self.tally()

    @property
    def medium(self) -> SafeString:
        """The tally as a page of one model draws it."""
        return self.tally("md")


def live_now(actor: Actor) -> list[Live]:
    """What is live now among the models the actor may see, what needs eyes first, in a fixed number of queries."""
    periods = LivePeriod.objects.filter(during__upper_inf=True, model__in=models_visible_to(actor))
    return sorted(_with_standings(periods), key=_first_to_look_at)


def tally_of_promotion(promotion: Promotion, size: str = "md") -> SafeString:
    """The tally of what was signed when it was promoted: whole; without a review, the fingerprint alone."""
    if not promotion.subject_digest:
        return drawn_tally(promotion.version.digest, size=size)
    return drawn_tally(promotion.subject_digest, signed=1, required=1, size=size)


def end_of(day: date) -> datetime:
    """The first instant after the day, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def live_at(actor: Actor, instant: datetime) -> list[tuple[Environment, list[LivePeriod]]]:
    """What was live just before an instant in each environment, production first, among the models the actor may
    see; with the promotion and the review behind it."""
    periods = (
        LivePeriod.objects.filter(
            during__contains=instant - timedelta(microseconds=1), model__in=models_visible_to(actor)
        )
        .select_related("version__model", "promotion__review", "environment")
        .order_by("version__model__name")
    )
    found: dict[UUID, list[LivePeriod]] = {}
    for period in periods:
        found.setdefault(period.environment_id, []).append(period)
    return [(place, found.get(place.id, [])) for place in environments_in_order().reverse()]


def live_of(models: Iterable[RegisteredModel]) -> list[Live]:
    """What is live now of these models, in the order of a model's journey."""
    periods = LivePeriod.objects.filter(during__upper_inf=True, model__in=models)
    return _with_standings(periods.order_by("environment__position"))


def _with_standings(periods: QuerySet[LivePeriod]) -> list[Live]:
    found = list(periods.select_related("environment", "version__model__team", "promotion"))
    standings = _standings({one.promotion.review_id for one in found if one.promotion.review_id})
    by_id: dict[UUID | None, Standing] = {standing.review.id: standing for standing in standings}
    return [Live(one, by_id.get(one.promotion.review_id)) for one in found]


def _standings(reviews: set[UUID]) -> Sequence[Standing]:
    if not reviews:
        return []
    return standings_of(list(with_their_rows(Review.objects.filter(id__in=reviews))), results=False)


def _first_to_look_at(one: Live) -> tuple[int, str]:
    return _RANK.get(one.state[1], 3), one.period.version.model.name
