"""On two real data sets the shipped policy of the high tier takes the good model and refuses each other one for what
is wrong with it: real models, the real sandbox, the default suite."""

from __future__ import annotations

from typing import Any

import pytest
from pandas.api.types import is_integer_dtype

from countersign.jobs import runner
from demo.datasets import descriptors
from governance.evaluation.actions import request_evaluation
from governance.evaluation.models import Evaluation
from governance.policies.actions import SHIPPED
from governance.policies.rules import parse
from governance.policies.verdict import RequirementResult, judge
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


def judged(evaluation: Evaluation) -> list[RequirementResult]:
    """Every rule of the high tier for production."""
    document = parse((SHIPPED / "high-production.yaml").read_text())
    results = judge(version=evaluation.version, document=document, evaluation=evaluation, card=None)
    rules = {rule.id for rule in document.rules}
    return [result for result in results if result.rule_id in rules]


REASONS: dict[tuple[str, str], set[str]] = {
    ("credit_default", "good"): set(),
    ("credit_default", "biased"): {"tpr-gap-sex", "selection-ratio"},
    ("credit_default", "overfitted"): {"overfitting"},
    ("credit_default", "leaking rows"): {"row-overlap"},
    ("credit_default", "leaking target"): {"target-leak"},
    ("credit_default", "random labels"): {"auc"},
    ("employment", "good"): set(),
    ("employment", "biased"): {"tpr-gap-sex", "selection-ratio"},
    ("employment", "overfitted"): {"overfitting"},
    ("employment", "leaking rows"): {"row-overlap"},
    # Who is told the answer selects the young as seldom as they work.
    ("employment", "leaking target"): {"target-leak", "selection-ratio"},
    # Few features with few values: what chance taught holds for whole groups, and is wrong of them.
    ("employment", "random labels"): {"auc", "calibration", "group-ranking"},
}


@pytest.mark.parametrize(("name", "kind"), REASONS)
def test_the_high_tier_takes_the_good_model_and_refuses_each_other_for_what_is_wrong_with_it(
    name: str, kind: str
) -> None:
    evaluation = evaluated(name, kind)
    assert (evaluation.failure, evaluation.suite) == ("", "default-binary")
    results = judged(evaluation)
    assert {result.rule_id for result in results if result.blocks} == REASONS[name, kind]
    assert {result.rule_id for result in results if result.state == "not_measured"} == set()
    if kind == "good":
        # Groups of a few dozen or a few hundred people are too small to judge, and are named.
        too_small = {result.rule_id for result in results if result.state == "insufficient"}
        assert too_small <= {"selection-ratio", "group-ranking"}
    if kind == "leaking rows":
        leakage = evaluation.results_document["leakage"]
        by_content = leakage["method"] != "row key"
        assert by_content == (name == "credit_default")
        assert by_content or "Declare a row key" in leakage["by_content"]["inconclusive"]
