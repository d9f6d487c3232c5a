"""What governance adds to the list of models: tier, what is live, the gate's answer, the card, as columns, filters
and orders."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from countersign.actors import Actor
from countersign.web.marks import status
from governance.cards.queries import completeness_of
from governance.environments.queries import environments_in_order
from governance.profiles.models import TIER_RANK, ModelProfile, RiskTier
from governance.promotion.gate_states import GateState, answer_of
from governance.promotion.live import live_of
from governance.promotion.models import LivePeriod
from governance.promotion.queries import gates_of
from registry.versions import listing
from registry.versions.columns import Column, Sort, register
from registry.versions.listing import Choice, Filter, joined, newest_versions
from registry.versions.models import ModelVersion, RegisteredModel

NOT = "not:"
JUDGED_AT_ONCE = 200
"""Evidence of so many versions is held in memory while a list is narrowed by the gate's answer."""


def tiers_of(models: Sequence[RegisteredModel]) -> dict[UUID, str]:
    """The risk tier of each model that has one."""
    return dict(ModelProfile.objects.filter(model__in=models).values_list("model", "risk_tier"))


def _tier_cells(models: Sequence[RegisteredModel]) -> dict[UUID, SafeString]:
    return {model: format_html("{}", RiskTier(tier).label) for model, tier in tiers_of(models).items()}


def _live_cells(models: Sequence[RegisteredModel]) -> dict[UUID, SafeString]:
    environment = environments_in_order().last()
    return {
        one.period.model_id: format_html(
            '<span class="row in-cell">{}<a href="{}"><b>{}</b></a></span>',
            one.small,
            reverse("registry:version", args=[one.period.version.model.name, one.period.version.number]),
            one.period.version.number,
        )
        for one in live_of(models)
        if environment and one.period.environment_id == environment.pk
    }


def _gate_cells(models: Sequence[RegisteredModel]) -> dict[UUID, SafeString]:
    environment = environments_in_order().last()
    if environment is None:
        return {}
    newest = list(newest_versions(models))
    gates = gates_of(newest, environment)
    cells = {}
    for version in newest:
        answer = answer_of(gates[version.pk])
        cells[version.model_id] = status(answer.kind, answer.word)
    return cells


def _card_cells(models: Sequence[RegisteredModel]) -> dict[UUID, SafeString]:
    newest = {version.pk: version for version in newest_versions(models)}
    return {
        newest[version].model_id: format_html("{} %", done.percent)
        for version, done in completeness_of(list(newest.values()), tiers_of(models)).items()
    }


def _by_tier() -> Case:
    return Case(
        *(When(profile__risk_tier=tier, then=Value(rank + 1)) for tier, rank in TIER_RANK.items()),
        default=Value(0),
        output_field=IntegerField(),
    )


# --- filters ----------------------------------------------------------------------------------------------


def _tiers(_: Actor) -> list[Choice]:
    known = [Choice(tier.value, tier.label.lower()) for tier in reversed(RiskTier)]
    return [*known, Choice("none", "none set")]


def _narrow_tier(models: QuerySet[RegisteredModel], tier: str) -> QuerySet[RegisteredModel]:
    if tier == "none":
        return models.filter(profile__isnull=True)
    return models.filter(profile__risk_tier=tier)


def _places(_: Actor) -> list[Choice]:
    environments = list(environments_in_order())[::-1]
    there = [Choice(one.slug, f"in {one.name.lower()}") for one in environments]
    return there + [Choice(f"{NOT}{one.slug}", f"not in {one.name.lower()}") for one in environments]


def _narrow_live(models: QuerySet[RegisteredModel], value: str) -> QuerySet[RegisteredModel]:
    live = Exists(
        LivePeriod.objects.filter(
            model=OuterRef("pk"), environment__slug=value.removeprefix(NOT), during__upper_inf=True
        )
    )
    return models.exclude(live) if value.startswith(NOT) else models.filter(live)


def _answers(_: Actor) -> list[Choice]:
    return [Choice(state.value, str(state.label)) for state in GateState if state != GateState.ARCHIVED]


def _narrow_gate(models: QuerySet[RegisteredModel], value: str) -> QuerySet[RegisteredModel]:
    """By what the gate says now: judged, since it is stored nowhere. It comes last, when the others have
    narrowed."""
    environment = environments_in_order().last()
    if environment is None:
        return models.none()
    newest = list(newest_versions(models.order_by().values("pk")).values_list("pk", flat=True))
    fitting: list[UUID] = []
    for first in range(0, len(newest), JUDGED_AT_ONCE):
        some = joined(ModelVersion.objects.filter(pk__in=newest[first : first + JUDGED_AT_ONCE]))
        gates = gates_of(list(some), environment)
        fitting += [one.model_id for one in some if answer_of(gates[one.pk]).state == value]
    return models.filter(pk__in=fitting)


TIER = Sort("tier", _by_tier, "by tier, lowest first", "by tier, highest first", falls=True, leads=True)
register("models", Column("Tier", 10, _tier_cells, sort=TIER, absent="none set"))
register("models", Column("In production", 30, _live_cells, absent="none"))
register("models", Column("Gate, newest version", 60, _gate_cells, absent="no version"))
register("models", Column("Card", 50, _card_cells, numeric=True, absent="none"))

listing.register_search("purpose", lambda text: Q(profile__purpose__icontains=text))
listing.register_filter(
    Filter("tier", "Tier", 5, "The risk tier: high, medium, low, or none.", _tiers, _narrow_tier)
)
listing.register_filter(
    Filter(
        "live",
        "Live",
        30,
        "Where a version is live: the slug of an environment, or not: and the slug.",
        _places,
        _narrow_live,
    )
)
listing.register_filter(
    Filter(
        "gate",
        "Gate",
        90,
        "What the gate of the last environment says of the newest version: "
        + ", ".join(state.value for state in GateState if state != GateState.ARCHIVED)
        + ".",
        _answers,
        _narrow_gate,
    )
)
