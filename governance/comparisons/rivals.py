"""Whom a version is compared with where it wants to go live: the version live there, the champion; where none is, the
baseline its model declares by the free alias `baseline`.

What is live is known to promotion, floors above; it registers one function here at start. Who is compared is found when
it is asked for, and then for all versions at once, so that policies without such a rule cost no query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from django.db.models import F, Func, JSONField

from governance.comparisons.models import Comparison
from governance.comparisons.queries import declared_threshold, on_same_rows, why_not_paired
from governance.evaluation.models import Evaluation, EvaluationState
from registry.versions.models import Alias, ModelVersion

BASELINE = "baseline"
"""The alias that declares a version of a model its baseline."""

ROLES = ("champion", "baseline")
"""What makes another version one to be compared with: being live, or being declared."""

Live = Mapping[tuple[UUID, str], ModelVersion]
Source = Callable[[Iterable[UUID]], Live]
_sources: list[Source] = []


def register(source: Source) -> None:
    """Name the function that knows which version is live, by model and address of the environment; the last one
    registered counts."""
    _sources[:] = [source]


@dataclass(frozen=True, slots=True)
class Rival:
    """The version another is compared with, and what makes it so."""

    version: ModelVersion
    role: Literal["champion", "baseline"]

    @property
    def words(self) -> str:
        """Inside a sentence."""
        name = "the champion" if self.role == "champion" else "the declared baseline"
        return f"{name}, version {self.version.number},"


@dataclass(frozen=True, slots=True)
class Beside:
    """What a rule about a difference reads. Without a comparison `why` says in a sentence why, and `state` whether
    the rule does not apply (there is nobody to compare with) or waits for a measurement."""

    rival: Rival | None
    comparison: Comparison | None
    why: str = ""

    @property
    def state(self) -> Literal["not_applicable", "not_measured"]:
        """How the requirement stands where nothing was compared."""
        return "not_measured" if self.rival else "not_applicable"

    @property
    def whom(self) -> str:
        """Whom it was compared with, inside a sentence."""
        return self.rival.words if self.rival else "nobody"

    @property
    def looked_at(self) -> dict[str, Any]:
        """For the gate's answer: which version, as what, by which document."""
        if self.rival is None:
            return {}
        digest = {"comparison": f"sha256:{self.comparison.digest}"} if self.comparison else {}
        return {self.rival.role: self.rival.version.number} | digest


class Rivals:
    """Whom these versions are compared with, and what was measured of it."""

    def __init__(self, versions: Sequence[ModelVersion]) -> None:
        self._versions = versions

    def of(self, version: ModelVersion, environment: str) -> Rival | None:
        """Whom the version is compared with in an environment, by its address; None where it is nobody, or the
        version itself."""
        if (live := self._live.get((version.model_id, environment))) is not None:
            return Rival(live, "champion") if live.pk != version.pk else None
        baseline = self._baselines.get(version.model_id)
        return Rival(baseline, "baseline") if baseline and baseline.pk != version.pk else None

    def beside(self, evaluation: Evaluation, version: ModelVersion, environment: str) -> Beside:
        """What was measured of this evidence against the evidence of whom the version is compared with. A run of
        either that gave the same results and scores counts as the same evidence."""
        rival = self.of(version, environment)
        evaluation.version = version  # known already, so that its name costs no query
        if rival is None:
            return Beside(None, None, self._nobody(version, environment))
        theirs = [one for one in self._evidence if one.version_id == rival.version.pk]
        against = next((one for one in theirs if on_same_rows(evaluation, one)), None)
        if against is None:
            elsewhere = next((one for one in theirs if one.suite == evaluation.suite), None)
            if elsewhere is not None:
                return Beside(rival, None, why_not_paired(evaluation, elsewhere))
            return Beside(
                rival,
                None,
                f"{rival.words[:1].upper()}{rival.words[1:]} has no evidence by the suite {evaluation.suite}. "
                f"Evaluate it on {evaluation.dataset_version}.",
            )
        for one in self._measured:
            if _alike(one.evaluation, evaluation) and _alike(one.against, against):
                return Beside(rival, one)
        why = why_not_paired(evaluation, against, threshold_of=self._threshold_of)
        return Beside(
            rival,
            None,
            why
            or f"The differences to {rival.words} are not measured yet. The page that compares the two shows the job "
            "that measures them, or starts one.",
        )

    def _nobody(self, version: ModelVersion, environment: str) -> str:
        live = self._live.get((version.model_id, environment))
        if live is not None:
            return f"This version is live in {environment} itself, so it has no champion to be compared with."
        if version.model_id in self._baselines:
            return f"No version is live in {environment}, and this version is the declared baseline itself."
        return (
            f"No version is live in {environment}, and the model declares no baseline (the alias “{BASELINE}”), so "
            "nothing is compared."
        )

    @cached_property
    def _live(self) -> Live:
        return _sources[0]({version.model_id for version in self._versions})

    @cached_property
    def _baselines(self) -> dict[UUID, ModelVersion]:
        return baselines_of(version.model_id for version in self._versions)

    @cached_property
    def _rivals(self) -> set[UUID]:
        return {one.pk for one in (*self._live.values(), *self._baselines.values())}

    @cached_property
    def _evidence(self) -> list[Evaluation]:
        """That of everybody somebody is compared with, newest first."""
        return list(
            Evaluation.objects.filter(version__in=self._rivals, state=EvaluationState.SUCCEEDED)
            .select_related("version__model", "dataset_version__dataset")
            .defer("results", "circumstances")
            .order_by("-number")
        )

    @cached_property
    def _thresholds(self) -> dict[UUID, Any]:
        """Those of that evidence, without its documents."""
        threshold = Func(
            F("results"),
            template="convert_from(%(expressions)s, 'UTF8')::jsonb -> 'threshold'",
            output_field=JSONField(),
        )
        found = Evaluation.objects.filter(pk__in=[one.pk for one in self._evidence])
        return dict(found.annotate(threshold=threshold).values_list("pk", "threshold"))

    def _threshold_of(self, evaluation: Evaluation) -> Any:
        if evaluation.pk in self._thresholds:
            return self._thresholds[evaluation.pk]
        return declared_threshold(evaluation)

    @cached_property
    def _measured(self) -> list[Comparison]:
        found = Comparison.objects.filter(
            evaluation__version__in=[one.pk for one in self._versions], against__version__in=self._rivals
        )
        sides = ("results", "circumstances")
        return list(
            found.select_related("evaluation", "against")
            .defer(*(f"{side}__{name}" for side in ("evaluation", "against") for name in sides))
            .order_by("-created_at")
        )


def baselines_of(models: Iterable[UUID]) -> dict[UUID, ModelVersion]:
    """The version each model declares its baseline, by the model's id."""
    found = Alias.objects.filter(model__in=list(models), name_folded=BASELINE)
    return {one.model_id: one.version for one in found.select_related("version__model")}


def _alike(one: Evaluation, other: Evaluation) -> bool:
    """Whether two runs gave the same evidence, from the same scores."""
    return (one.version_id, one.results_digest, one.scores_id) == (
        other.version_id,
        other.results_digest,
        other.scores_id,
    )
