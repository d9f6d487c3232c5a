"""What governance adds to the list of a model's versions: the gate's answer for each environment, and the card."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from countersign.web.marks import status
from governance.cards.queries import completeness_of
from governance.environments.queries import environments_in_order
from governance.model_list import tiers_of
from governance.promotion.gate_states import answer_of
from governance.promotion.models import LivePeriod
from governance.promotion.queries import gates_of
from registry.versions.columns import Column, register
from registry.versions.models import ModelVersion


def _gate_cells(versions: Sequence[ModelVersion]) -> dict[UUID, SafeString]:
    """The last environment's answer, the others' below it. A version that was live there and is no more is
    retired: nobody asks whether it may go live."""
    environments = list(environments_in_order())[::-1]
    if not environments:
        return {}
    lived: dict[tuple[UUID, UUID], bool] = {}
    periods = LivePeriod.objects.filter(version__in=versions).order_by("during")
    for version, environment, during in periods.values_list("version", "environment", "during"):
        lived[version, environment] = during.upper is None
    gates = {environment.pk: gates_of(versions, environment) for environment in environments}

    def said(version: ModelVersion, environment: UUID) -> tuple[str, str]:
        live = lived.get((version.pk, environment))
        if live is not None:
            return ("met", "Live") if live else ("not_run", "Retired")
        answer = answer_of(gates[environment][version.pk])
        return answer.kind, answer.word

    return {
        version.pk: format_html(
            "{}{}",
            status(*said(version, environments[0].pk)),
            format_html_join(
                "",
                '<span class="sub">{}: {}</span>',
                (
                    (other.name, said(version, other.pk)[1][:1].lower() + said(version, other.pk)[1][1:])
                    for other in environments[1:]
                ),
            ),
        )
        for version in versions
    }


def _card_cells(versions: Sequence[ModelVersion]) -> dict[UUID, SafeString]:
    tiers = tiers_of([versions[0].model]) if versions else {}
    return {
        version: format_html("{} %", done.percent)
        for version, done in completeness_of(versions, tiers).items()
    }


register("versions", Column("Gate", 15, _gate_cells))
register("versions", Column("Card", 30, _card_cells, numeric=True, absent="no tier"))
