"""The sections of a model card: what each is called, who fills it, where it is required, what it asks.

Nineteen sections (research on the card formats of Google, Hugging Face, SageMaker and CycloneDX, and on
Annex IV of the AI Act, gave one list that feeds them all). Facts are drawn from the registry and from
evidence, never typed; prose is written by people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["drawn", "written", "mixed"]

_ALL = frozenset({"low", "medium", "high"})
_FROM_MEDIUM = frozenset({"medium", "high"})


@dataclass(frozen=True, slots=True)
class Section:
    """`drawn`: facts only, nobody edits it; `written`: prose only; `mixed`: facts and prose beside them.
    `tiers` are the risk tiers that require it; `hint` says in one sentence what it holds, `template` is
    what an empty text starts from (Markdown; empty where nothing is written)."""

    id: str
    title: str
    kind: Kind
    tiers: frozenset[str]
    hint: str
    template: str = ""

    @property
    def is_written(self) -> bool:
        """Whether people write a text in it."""
        return self.kind != "drawn"

    @property
    def is_drawn(self) -> bool:
        """Whether facts are drawn in it."""
        return self.kind != "written"


SECTIONS: dict[str, Section] = {
    section.id: section
    for section in (
        Section(
            "identity",
            "Identity, owner, licence",
            "drawn",
            _ALL,
            "Name, version, digest, owning team and the licences of the data.",
        ),
        Section(
            "purpose",
            "Purpose, users, decision supported",
            "written",
            _ALL,
            "What it is for, who uses it, and which decision it supports, so that one could tell misuse.",
            "**Decision supported:**\n\n**Users:**\n\n**What they see beside the score:**\n",
        ),
        Section(
            "out_of_scope",
            "Uses to avoid, foreseeable misuse",
            "written",
            _ALL,
            "What it must not be used for, and the misuse one can foresee.",
            "**Not for:**\n\n- \n\n**Foreseeable misuse:**\n",
        ),
        Section(
            "affected",
            "People affected, impact",
            "written",
            _FROM_MEDIUM,
            "Who feels a wrong output, how badly, and who is most exposed.",
            "**Who is affected:**\n\n**Worst plausible harm:**\n\n**Most exposed:**\n",
        ),
        Section(
            "design",
            "Method, rationale, assumptions, trade-offs",
            "mixed",
            _FROM_MEDIUM,
            "Why this method and these inputs, which simpler one was tried, what is assumed.",
            "**Method and why:**\n\n**Simpler ones tried:**\n\n**Assumptions, each with its check:**\n\n- \n",
        ),
        Section(
            "training_data",
            "Training data",
            "mixed",
            _ALL,
            "Where the data come from, how they were chosen, labelled and cleaned, and whom they leave out.",
            "**Origin and selection:**\n\n**Labels:**\n\n**Who is missing from the data:**\n",
        ),
        Section(
            "training",
            "Procedure, parameters, environment",
            "drawn",
            _FROM_MEDIUM,
            "The run, its commit, parameters and libraries.",
        ),
        Section(
            "evaluation_data",
            "Evaluation data, independence",
            "drawn",
            _ALL,
            "The data the version was measured on.",
        ),
        Section(
            "performance",
            "Results with intervals, why these metrics",
            "mixed",
            _ALL,
            "Why these metrics fit the use; the numbers stand beside the text.",
            "**Headline metric and why:**\n\n**Threshold, and on which data it was chosen:**\n",
        ),
        Section(
            "fairness",
            "Results by group, explanation",
            "mixed",
            _FROM_MEDIUM,
            "Which groups were compared, what differs, why, and what is done about it.",
            "**Compared by:**\n\n**What differs and why:**\n\n**What is done about it:**\n",
        ),
        Section(
            "robustness",
            "Robustness, security, scan",
            "mixed",
            _FROM_MEDIUM,
            "What missing, odd or hostile input does to it.",
            "**Missing and odd input:**\n\n**Could an outsider steer it:**\n",
        ),
        Section(
            "limitations",
            "Limits, overlays, conditions",
            "written",
            _ALL,
            "Where it is weak, adjustments by judgement, and conditions of use.",
            "- \n\n**Conditions of use:**\n",
        ),
        Section(
            "risks",
            "Risk register, residual risk",
            "written",
            _FROM_MEDIUM,
            "One row a risk: who bears it, what is done, what remains.",
            "| risk | who bears it | what is done | what remains |\n|---|---|---|---|\n|  |  |  |  |\n",
        ),
        Section(
            "oversight",
            "Human oversight, interpretation, review",
            "written",
            _FROM_MEDIUM,
            "Who may overrule it, how a score is read, how it is taken out of use.",
            "**Who may overrule it, and how:**\n\n**How to read a score:**\n\n**How to stop it:**\n",
        ),
        Section(
            "operation",
            "Interfaces, schema, hardware, instructions",
            "mixed",
            _FROM_MEDIUM,
            "How to call it and what it needs.",
            "**Input and output:**\n\n**Hardware:**\n\n**Instructions:**\n",
        ),
        Section(
            "monitoring",
            "Plan, thresholds, owner, rollback",
            "written",
            _FROM_MEDIUM,
            "What is watched and how often, who answers, what calls for a rollback.",
            "**Watched, how often, limits:**\n\n**Who answers:**\n\n**Rollback to:**\n",
        ),
        Section(
            "changes",
            "What changed; pre-determined changes",
            "mixed",
            _FROM_MEDIUM,
            "What differs from the version before, and which later changes are foreseen.",
            "**Since the version before:**\n\n**Foreseen changes and their bounds:**\n",
        ),
        Section(
            "governance",
            "Tier, contributors, reviews",
            "drawn",
            _ALL,
            "Risk tier, who made the version, and the reviews it went through.",
        ),
        Section(
            "footprint",
            "Size, time, memory",
            "drawn",
            frozenset(),
            "What the artifact weighs and what scoring the evaluation data took.",
        ),
    )
}


def required_at(tier: str) -> list[Section]:
    """The sections a risk tier requires, in order."""
    return [section for section in SECTIONS.values() if tier in section.tiers]
