"""What the pages of a card share: its sections with their measures drawn, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from django.utils.safestring import SafeString

from governance.cards.facts import MeasuredRow
from governance.cards.models import CardRevision
from governance.cards.queries import Completeness
from governance.cards.render import RenderedSection, render
from governance.evaluation.queries import latest_evidence
from governance.evaluation.tables import drawn, shared_axis
from governance.evaluation.yardstick import Yardstick, yardstick_of
from governance.profiles.queries import profile_of
from registry.versions.models import ModelVersion

DRAWING_WIDTH = 150


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section with its measures drawn. `as_in` is the card of an earlier version that says the same words."""

    rendered: RenderedSection
    measures: list[tuple[MeasuredRow, SafeString | str]]
    as_in: CardRevision | None = None


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card as of a revision, beside the facts of today; `tier` says what is required (None: nothing is yet)."""

    sections: list[ShownSection]
    tier: str | None
    yardstick: Yardstick | None
    standing: Completeness | None

    def section(self, name: str) -> ShownSection:
        """One of them. Raises StopIteration for a name that is none."""
        return next(one for one in self.sections if one.rendered.section.id == name)


def shown_card(
    version: ModelVersion, revision: CardRevision | None, begun_from: CardRevision | None = None
) -> ShownCard:
    """The card of a version as of a revision (None: nobody wrote yet). `begun_from` is the card whose words it may
    repeat."""
    tier = tier_of(version)
    evidence = latest_evidence(version)
    yardstick = yardstick_of(evidence) if evidence else None
    sections = render(version=version, revision=revision, evaluation=evidence, tier=tier)
    before = begun_from.sections if begun_from else {}
    return ShownCard(
        sections=[
            ShownSection(
                one,
                _measures(one, yardstick),
                begun_from if one.text and before.get(one.section.id) == one.text else None,
            )
            for one in sections
        ],
        tier=tier,
        yardstick=yardstick,
        standing=_standing(sections) if tier else None,
    )


def tier_of(version: ModelVersion) -> str | None:
    """The model's risk tier, where it has one."""
    profile = profile_of(version.model)
    return profile.risk_tier if profile else None


def _standing(sections: list[RenderedSection]) -> Completeness:
    required = [one for one in sections if one.required]
    missing = [one.section for one in required if one.absence is not None]
    return Completeness(len(required) - len(missing), len(required), missing)


def _measures(
    rendered: RenderedSection, yardstick: Yardstick | None
) -> list[tuple[MeasuredRow, SafeString | str]]:
    """Each measured row with its interval drawn, where there is something to hold it against: a limit, the
    champion, or other groups on the same axis."""
    rows = rendered.drawn.measures if rendered.drawn else ()
    by_measure: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_measure.setdefault(row.measure.name, []).append(_estimate(row))
    return [(row, _drawn(row, by_measure[row.measure.name], yardstick)) for row in rows]


def _drawn(row: MeasuredRow, beside: list[dict[str, Any]], yardstick: Yardstick | None) -> SafeString | str:
    each: Literal["", "fairness"] = "fairness" if row.attribute else ""
    limits = yardstick.limits_on(row.measure.name, each=each, attribute=row.attribute) if yardstick else []
    champion: dict[str, Any] = {}
    if yardstick and yardstick.champion and not row.attribute:
        champion = yardstick.champion.results_document["metrics"].get(row.measure.name, {})
    if not limits and not champion and len(beside) < 2:
        return ""
    bounds = [limit.value for limit in limits[:1]]
    return drawn(
        f"{row.group or row.attribute} {row.measure.label}".strip(),
        _estimate(row),
        limit=limits[0] if limits else None,
        champion=champion,
        axis=shared_axis([*beside, champion], *bounds),
        insufficient=row.absence is not None,
        width=DRAWING_WIDTH,
    )


def _estimate(row: MeasuredRow) -> dict[str, Any]:
    return {"value": row.value, "ci_low": row.ci_low, "ci_high": row.ci_high}
