"""How the models a policy governs stand under it now, and how they would under a draft: judged on present evidence
and cards, without sign-offs, and nothing changes by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, QuerySet

from countersign.actors import Actor
from countersign.identifiers import fold
from countersign.web.formats import plural
from governance.cards.models import CardRevision
from governance.environments.models import Environment
from governance.evaluation.models import Evaluation, EvaluationState
from governance.policies.around import around_of
from governance.policies.document import PolicyDocument
from governance.policies.models import Policy, PolicyRevision
from governance.policies.requirements import RequirementResult
from governance.policies.rules import document_of
from governance.policies.verdict import judge
from registry.versions.models import Alias, ModelVersion, RegisteredModel
from registry.versions.queries import models_visible_to

MODELS_JUDGED = 50


@dataclass(frozen=True, slots=True)
class Under:
    """How a version stands under one revision."""

    results: list[RequirementResult]

    @property
    def allowed(self) -> bool:
        """Whether no requirement refuses it; sign-offs are another matter."""
        return not self.blocking

    @property
    def blocking(self) -> list[RequirementResult]:
        """The requirements that refuse it."""
        return [one for one in self.results if one.blocks]

    @property
    def kind(self) -> str:
        """The status that is drawn."""
        if self.allowed:
            return "met"
        return "not_measured" if all(one.state == "not_measured" for one in self.blocking) else "not_met"

    @property
    def word(self) -> str:
        """What stands beside it."""
        if self.allowed:
            return "All met"
        if self.kind == "not_measured":
            return f"{len(self.blocking)} not measured"
        return f"{len(self.blocking)} not met"


@dataclass(frozen=True, slots=True)
class Judged:
    """One version under the revision in force and under a draft; either is None where there is none."""

    version: ModelVersion
    now: Under | None
    then: Under | None

    @property
    def newly_refused(self) -> bool:
        """Allowed now, refused by the draft."""
        return bool(self.now and self.then and self.now.allowed and not self.then.allowed)

    @property
    def newly_allowed(self) -> bool:
        """Refused now, allowed by the draft."""
        return bool(self.now and self.then and not self.now.allowed and self.then.allowed)

    @property
    def because(self) -> list[RequirementResult]:
        """What refuses it under the draft and did not before."""
        if self.then is None:
            return []
        before = {one.rule_id for one in self.now.blocking} if self.now else set()
        return [one for one in self.then.blocking if one.rule_id not in before]


@dataclass(frozen=True, slots=True)
class Governed:
    """A model with its live version and its newest one, where they are two; None where there is none."""

    model: RegisteredModel
    live: Judged | None
    newest: Judged | None

    @property
    def rows(self) -> list[tuple[Judged | None, str]]:
        """Its versions with what they are, the live one first; one row also where there is none."""
        named = [(self.live, "live"), (self.newest, "newest")]
        return [(judged, where) for judged, where in named if judged] or [(None, "")]

    @property
    def rank(self) -> tuple[int, str]:
        """Worst first: what a draft would newly refuse, then what is refused."""
        judged = [one for one in (self.live, self.newest) if one]
        if any(one.newly_refused for one in judged):
            return 0, self.model.name
        refused = any((one.then or one.now) and not (one.then or one.now).allowed for one in judged)  # type: ignore[union-attr]
        return (1 if refused else 2), self.model.name


@dataclass(frozen=True, slots=True)
class DryRun:
    """`more`: there are models beyond those judged."""

    models: list[Governed]
    more: bool

    @property
    def judged(self) -> list[Judged]:
        """Every version that was judged, once."""
        return [one for model in self.models for one in (model.live, model.newest) if one]

    @property
    def newly_refused(self) -> list[Judged]:
        """What the draft would refuse that is allowed now."""
        return [one for one in self.judged if one.newly_refused]

    @property
    def newly_allowed(self) -> list[Judged]:
        """What the draft would allow that is refused now."""
        return [one for one in self.judged if one.newly_allowed]

    @property
    def changed(self) -> int:
        """How many answers a draft would change."""
        return len(self.newly_refused) + len(self.newly_allowed)

    @property
    def sentence(self) -> str:
        """What a draft would change, in one sentence."""
        refused, allowed = len(self.newly_refused), len(self.newly_allowed)
        of = plural(len(self.judged), "version")
        if not refused and not allowed:
            return f"No answer would change for {of}."
        parts = []
        if refused:
            parts.append(f"newly refuse {refused}")
        if allowed:
            parts.append(f"newly allow {allowed}")
        return f"It would {' and '.join(parts)} of {of}."


def dry_run(
    *, actor: Actor, policy: Policy, in_force: PolicyRevision | None, draft: PolicyRevision | None = None
) -> DryRun:
    """The models of the policy's tier the actor may see, judged under the revision in force and under a draft, in
    a fixed number of queries; at most MODELS_JUDGED models, by name."""
    found = list(governed_by(actor, policy).order_by("name_folded")[: MODELS_JUDGED + 1])
    models = found[:MODELS_JUDGED]
    live, newest = _live_in(policy.environment, models), _newest_of(models)
    versions = {one.pk: one for one in (*live.values(), *newest.values())}
    revisions = [document_of(one) if one else None for one in (in_force, draft)]
    judged = _judge_all(list(versions.values()), revisions)
    governed = []
    for model in models:
        at, top = live.get(model.pk), newest.get(model.pk)
        governed.append(
            Governed(
                model=model,
                live=judged[at.pk] if at else None,
                newest=judged[top.pk] if top and (at is None or top.pk != at.pk) else None,
            )
        )
    return DryRun(sorted(governed, key=lambda one: one.rank), len(found) > MODELS_JUDGED)


def governed_by(actor: Actor, policy: Policy) -> QuerySet[RegisteredModel]:
    """The models of the policy's tier the actor may see."""
    return models_visible_to(actor).filter(profile__risk_tier=policy.risk_tier, archived_at__isnull=True)


def _live_in(environment: Environment, models: Sequence[RegisteredModel]) -> dict[UUID, ModelVersion]:
    aliases = Alias.objects.filter(model__in=models, name_folded=fold(environment.alias))
    return {one.model_id: one.version for one in aliases.select_related("version__model", "version__run")}


def _newest_of(models: Sequence[RegisteredModel]) -> dict[UUID, ModelVersion]:
    versions = ModelVersion.objects.filter(model__in=models, archived_at__isnull=True)
    newest = versions.order_by("model", "-number").distinct("model")
    return {one.model_id: one for one in newest.select_related("model", "run")}


def _judge_all(
    versions: Sequence[ModelVersion], documents: Sequence[PolicyDocument | None]
) -> dict[UUID, Judged]:
    evidence: dict[tuple[UUID, str], Evaluation] = {}
    succeeded = Evaluation.objects.filter(version__in=versions, state=EvaluationState.SUCCEEDED)
    for one in (
        succeeded.select_related("dataset_version__dataset")
        .order_by("version", "suite", "-number")
        .distinct("version", "suite")
    ):
        evidence[one.version_id, one.suite] = one
    cards: Mapping[UUID, CardRevision] = {
        card.version_id: card
        for card in CardRevision.objects.filter(version__in=versions)
        .order_by("version", F("number").desc())
        .distinct("version")
    }
    around = around_of(versions)

    def under(version: ModelVersion, document: PolicyDocument | None) -> Under | None:
        if document is None:
            return None
        return Under(
            judge(
                version=version,
                document=document,
                evaluation=evidence.get((version.pk, document.suite_for(version))),
                card=cards.get(version.pk),
                around=around[version.pk],
            )
        )

    now, then = documents
    return {one.pk: Judged(one, under(one, now), under(one, then)) for one in versions}
