"""On two real data sets the shipped policies take the good model and refuse each other one for what is wrong with it:
real models, the real sandbox, the default suite. One evaluation a model is judged by the policies of all three tiers,
and what they say is the table in docs/policies.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pandas.api.types import is_integer_dtype

from countersign.jobs import runner
from demo.datasets import descriptors
from governance.evaluation.actions import request_evaluation
from governance.evaluation.models import Evaluation
from governance.policies.rules import parse
from governance.policies.shipping import SHIPPED
from governance.policies.verdict import judge
from registry.datasets.descriptors import parse_descriptor
from registry.runs.actions import RunDescription, Source
from registry.versions.values import InputClaim
from tests.factories import registry as make
from tests.test_governance.five_models_kit import LINES, candidate_of, parquet

pytestmark = pytest.mark.django_db(transaction=True)


def evaluated(name: str, kind: str) -> Evaluation:
    """The model registered with what it learned from, as a training job registers it, and evaluated."""
    line, candidate = LINES[name], candidate_of(name, kind)
    team, maker = make.make_makers()
    data = []
    for part, frame in (("train", candidate.training), ("holdout", candidate.holdout)):
        descriptor: dict[str, Any] = dict(descriptors()[f"{name}_{part}"])
        for key in ("name", "description", "role", "columns"):
            descriptor.pop(key)
        data.append(
            make.make_dataset_version(
                make.make_dataset(team, actor=maker),
                actor=maker,
                content=parquet(frame),
                descriptor=parse_descriptor(descriptor),
            )
        )
    training, holdout = data
    types = candidate.holdout.dtypes
    version = make.make_version(
        make.make_model(team, actor=maker),
        actor=maker,
        files={"model.skops": candidate.artifact},
        signature={
            "features": [
                {"name": one, "type": "int64" if is_integer_dtype(types[one]) else "string"}
                for one in candidate.features
            ],
            "target": line.target,
            "positive_label": "1",
            "threshold": candidate.threshold,
        },
        inputs=[InputClaim(training, "training", training.digest)],
        run=RunDescription(
            experiment="five-models",
            name=kind,
            source=Source(repository="https://git.example/five", commit="c0ffee" * 6 + "c0ff", clean=True),
        ),
    )
    asked = request_evaluation(version=version, dataset_version=holdout, actor=maker)
    runner.run(asked.job_id)
    return Evaluation.objects.select_related("version__model", "job").get(id=asked.id)


TIERS = ("low", "medium", "high")
KINDS = ("good", "biased", "overfitted", "leaking rows", "leaking target", "random labels")
GUIDE = Path(__file__).parents[2] / "docs" / "policies.md"
ROW = re.compile(r"^\| (credit default|employment) \| ([a-z ]+) \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)


def documented() -> dict[tuple[str, str], dict[str, str]]:
    """What the guide says of each model, by tier."""
    return {
        (name.replace(" ", "_"), kind): dict(zip(TIERS, cells, strict=True))
        for name, kind, *cells in ROW.findall(GUIDE.read_text(encoding="utf-8"))
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """How a model stands under one policy: the rules that refuse it, warn of it and could not judge."""

    refused: list[str]
    warned: list[str]
    unmeasured: set[str]
    too_small: set[str]

    @property
    def cell(self) -> str:
        """As the guide has it."""
        named = [", ".join(f"`{one}`" for one in rules) for rules in (self.refused, self.warned)]
        said = named[0] if self.refused else "taken"
        return f"{said}; warned of by {named[1]}" if self.warned else said


def standing(evaluation: Evaluation, tier: str, environment: str = "production") -> Standing:
    """Every rule of a shipped policy, in its order."""
    document = parse((SHIPPED / f"{tier}-{environment}.yaml").read_text())
    judged = judge(version=evaluation.version, document=document, evaluation=evaluation, card=None)
    results = {one.rule_id: one for one in judged}
    rules = [results[rule.id] for rule in document.rules]
    return Standing(
        refused=[one.rule_id for one in rules if one.blocks],
        warned=[one.rule_id for one in rules if one.state == "not_met" and not one.blocks],
        unmeasured={one.rule_id for one in rules if one.state == "not_measured"},
        too_small={one.rule_id for one in rules if one.state == "insufficient"},
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LINES)
def test_each_tier_says_of_a_model_what_the_guide_says(name: str, kind: str) -> None:
    evaluation = evaluated(name, kind)
    assert (evaluation.failure, evaluation.suite) == ("", "default-binary")
    found = {tier: standing(evaluation, tier) for tier in TIERS}
    assert {tier: one.cell for tier, one in found.items()} == documented()[name, kind]
    for tier, one in found.items():
        assert one.unmeasured == set()
        staging = standing(evaluation, tier, "staging")
        assert set(staging.refused) <= set(one.refused)
        assert staging.unmeasured == set()
        assert tier == "low" or kind != "random labels" or "auc" in staging.refused
    if kind == "good":
        # Groups of a few dozen or a few hundred people are too small to judge, and are named.
        groups = {"selection-ratio", "group-ranking", "crossed-selection"}
        assert set().union(*(one.too_small for one in found.values())) <= groups
    if kind == "leaking rows":
        leakage = evaluation.results_document["leakage"]
        by_content = leakage["method"] != "row key"
        assert by_content == (name == "credit_default")
        assert by_content or "Declare a row key" in leakage["by_content"]["inconclusive"]


#: What is wrong with each kind, as the rule made for it, and the tiers that must refuse it for that.
MADE_FOR = {
    "biased": ("tpr-gap-sex", ("medium", "high")),
    "overfitted": ("overfitting", ("medium", "high")),
    "leaking rows": ("row-overlap", ("medium", "high")),
    "leaking target": ("target-leak", TIERS),
    "random labels": ("auc", TIERS),
}


def test_the_guide_refuses_each_wrong_model_for_what_is_wrong_with_it_and_no_good_one() -> None:
    said = documented()
    assert set(said) == {(name, kind) for name in LINES for kind in KINDS}
    for (_, kind), cells in said.items():
        if kind == "good":
            assert set(cells.values()) == {"taken"}
            continue
        rule, tiers = MADE_FOR[kind]
        assert all(f"`{rule}`" in cells[tier].partition(";")[0] for tier in tiers)
        refused = [set(re.findall(r"`([a-z-]+)`", cells[tier].partition(";")[0])) for tier in TIERS]
        assert refused[0] <= refused[1] <= refused[2]
