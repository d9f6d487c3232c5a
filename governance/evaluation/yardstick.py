"""What pages hold evidence against: the policy in force and the version that is live.

Both are known to the floors above (policies, promotion). They register one function here at start, so that the
pages of evaluations can show limits, verdicts and the champion without knowing where these come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from governance.evaluation.models import Evaluation
from registry.versions.models import ModelVersion


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule that compares a measure of this evidence with a number.

    `measure` is its name in the catalogue (of other evidence than measures its path); `each` is empty for all rows,
    `groups`, `crossings`, `slices` or `fairness` where every one is read, then of `attribute` alone (empty: of all).
    `end` is the end of the interval the rule reads (empty: the value itself), `refused` the side of `value` it
    refuses, `demand` the rule in a few words."""

    rule_id: str
    measure: str
    value: float
    refused: Literal["below", "above"]
    end: Literal["low", "high", ""]
    demand: str
    each: str = ""
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Demand:
    """A rule on a fact that has no interval: a word of the evidence, or how well the model was confined. `path` is
    where the fact stands, `words` what it must be."""

    rule_id: str
    path: str
    words: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """How the evidence stands on one requirement; `state` is a status of the look. `groups` holds the state of
    each (attribute, group) the requirement judged; the group is empty for an attribute as a whole."""

    rule_id: str
    title: str
    state: str
    blocks: bool
    message: str
    groups: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What one evaluation is held against. Without a policy `missing` says in a sentence why; `other_suite` does where
    the policy reads another suite, so that no requirement is judged by this evidence. `live` is the version it is
    compared with: the one live in the environment now, or (`role`) the declared baseline where none is; `champion` is
    its evidence on the same rows. Either may be absent. `differences` are those measured row by row, by measure;
    without them `not_compared` says in a sentence why. `margins` are how much worse the policy lets a measure be."""

    environment: str = ""
    policy: str = ""
    url: str = ""
    missing: str = ""
    other_suite: str = ""
    limits: tuple[Limit, ...] = ()
    demands: tuple[Demand, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    live: ModelVersion | None = None
    champion: Evaluation | None = None
    role: Literal["champion", "baseline"] = "champion"
    differences: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    not_compared: str = ""
    margins: Mapping[str, float] = field(default_factory=dict)

    @property
    def called(self) -> str:
        """The version it is compared with, as a heading: “Champion 3”, “Baseline 1”."""
        return f"{self.role.capitalize()} {self.live.number}" if self.live else ""

    def limits_on(self, measure: str, *, each: str = "", attribute: str = "") -> list[Limit]:
        """The limits on a measure where it stands: of all rows, or of the groups of an attribute."""
        return [
            limit
            for limit in self.limits
            if (limit.measure, limit.each) == (measure, each) and limit.attribute in ("", attribute)
        ]

    def requirement(self, rule_id: str) -> Requirement | None:
        """How one rule was judged."""
        return next((one for one in self.requirements if one.rule_id == rule_id), None)


Source = Callable[[Evaluation], Yardstick]
_sources: list[Source] = []


def register(source: Source) -> None:
    """Name the function that knows policies and live versions; the last one registered counts."""
    _sources[:] = [source]


def yardstick_of(evaluation: Evaluation) -> Yardstick:
    """What this evaluation is held against."""
    return _sources[0](evaluation)
