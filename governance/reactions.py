"""What follows, after commit, from what happened below: handlers only enqueue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from countersign.actors import Actor
from countersign.identifiers import fold
from countersign.jobs.actions import enqueue
from countersign.jobs.runner import actor_for
from countersign.ledger.reactions import subscribe
from countersign.permissions import Permission
from governance.champions import live_versions
from governance.comparisons.actions import request_comparison
from governance.comparisons.queries import evidence_on_same_rows, why_not_paired
from governance.comparisons.rivals import BASELINE, baselines_of
from governance.evaluation.jobs import EVALUATE_NEW_VERSION
from governance.evaluation.models import Evaluation, EvaluationState
from governance.promotion.models import Promotion
from governance.reviews.models import LIVE, Review, ReviewState
from registry.versions.models import Alias, ModelVersion

MOST_CANDIDATES = 20
"""Versions compared anew when another goes live: the newest of those that may still follow it."""


def evaluate_new_version(leaf: dict[str, Any]) -> None:
    """A version was registered: evaluate it on the data its upload named for that, in the uploader's name."""
    version = ModelVersion.objects.select_related("model").get(id=UUID(leaf["subject"]["ref"]))
    if not version.inputs.filter(context="evaluation").exists():
        return
    with transaction.atomic():
        enqueue(
            kind=EVALUATE_NEW_VERSION,
            key=str(version.id),
            actor=actor_for(leaf),
            args={"version": str(version.id)},
            subject=version,
            team=version.model.team_id,
        )


def compare_new_evidence(leaf: dict[str, Any]) -> None:
    """Evidence was recorded: measure its differences to every version it may have to be compared with, on the same
    rows; and, where its version is one that others are compared with, theirs to it."""
    evaluation = Evaluation.objects.select_related("version__model", "dataset_version__dataset").get(
        id=UUID(leaf["subject"]["ref"])
    )
    version = evaluation.version
    rivals = _rivals_of(version.model_id)
    for rival in rivals.values():
        if rival.pk != version.pk:
            _compare(evaluation, evidence_on_same_rows(evaluation, rival), leaf)
    if version.pk in rivals:
        for candidate in _candidates(version):
            _compare_with(candidate, version, leaf)


def compare_with_what_went_live(leaf: dict[str, Any]) -> None:
    """Another version is live: measure the differences of those that may follow it to it."""
    promotion = Promotion.objects.select_related("version__model").get(id=UUID(leaf["subject"]["ref"]))
    for candidate in _candidates(promotion.version):
        _compare_with(candidate, promotion.version, leaf)


def compare_with_baseline(leaf: dict[str, Any]) -> None:
    """A version was declared the baseline: measure the differences of the others to it."""
    alias = Alias.objects.select_related("version__model").filter(id=UUID(leaf["subject"]["ref"])).first()
    if alias is not None and alias.name_folded == fold(BASELINE):
        for candidate in _candidates(alias.version):
            _compare_with(candidate, alias.version, leaf)


def _rivals_of(model: UUID) -> dict[UUID, ModelVersion]:
    """The versions others of the model are compared with: those that are live, and the declared baseline."""
    found = [*live_versions([model]).values(), *baselines_of([model]).values()]
    return {one.pk: one for one in found}


def _candidates(rival: ModelVersion) -> Iterable[ModelVersion]:
    """The versions of the model that may follow this one: newer ones, and those whose review counts."""
    reviews = Review.objects.filter(version__model=rival.model_id, state__in=(*LIVE, ReviewState.APPROVED))
    return (
        ModelVersion.objects.filter(model=rival.model_id, archived_at__isnull=True)
        .filter(Q(number__gt=rival.number) | Q(pk__in=reviews.values("version")))
        .exclude(pk=rival.pk)
        .select_related("model")
        .order_by("-number")[:MOST_CANDIDATES]
    )


def _compare_with(candidate: ModelVersion, rival: ModelVersion, leaf: dict[str, Any]) -> None:
    """The candidate's newest evidence of each suite against the rival's on the same rows."""
    newest = Evaluation.objects.filter(version=candidate, state=EvaluationState.SUCCEEDED)
    for evaluation in (
        newest.select_related("version__model", "dataset_version__dataset")
        .order_by("suite", "-number")
        .distinct("suite")
    ):
        _compare(evaluation, evidence_on_same_rows(evaluation, rival), leaf)


def _compare(evaluation: Evaluation, against: Evaluation | None, leaf: dict[str, Any]) -> None:
    """Ask for one comparison where it can be made, in the name of who caused it; where they may not start one (who
    promotes need not evaluate), in the platform's."""
    if against is None or why_not_paired(evaluation, against):
        return
    actor = actor_for(leaf)
    if not actor.may(Permission.EVALUATE, evaluation.version.model.team_id):
        actor = Actor.system(via=leaf["via"])
    request_comparison(evaluation=evaluation, against=against, actor=actor)


subscribe("registry.version.registered", evaluate_new_version)
subscribe("governance.evaluation.succeeded", compare_new_evidence)
subscribe("governance.promotion.made", compare_with_what_went_live)
subscribe("governance.promotion.rolled_back", compare_with_what_went_live)
subscribe("registry.alias.set", compare_with_baseline)
