"""A version against whom it would replace: whom a policy's rule compares it with, what counts as measured, and what is
measured by itself when somebody else goes live."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from countersign.jobs import runner
from countersign.jobs.models import Job, JobState
from governance.comparisons.models import Comparison
from governance.comparisons.queries import COMPARE
from governance.evaluation.models import Evaluation
from governance.policies.around import around_of
from governance.policies.dry_run import dry_run
from governance.policies.queries import policy_in_force
from governance.policies.requirements import RequirementResult
from governance.policies.verdict import judge
from governance.promotion.queries import gate_of, gates_of
from governance.reviews.subject import subject_of
from registry.versions.actions import set_alias
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.factories.governance import AUC, make_environment, make_policy, policy_of, policy_text
from tests.test_core.ledger_kit import begin
from tests.test_governance import evidence_kit as kit
from tests.test_governance.comparison_kit import drawn_scores, labels_of_the_data, scored

pytestmark = pytest.mark.django_db(transaction=True)

RULE: dict[str, Any] = {
    **AUC,
    "id": "champion",
    "title": "No worse than what is live",
    "path": "comparison.diffs.roc_auc",
    "compare_to": "champion",
    "bound": "diff_ci_low",
    "op": ">=",
    "limit": -0.01,
}


@pytest.fixture
def world(transactional_db: None) -> kit.World:
    begin()
    return kit.credit_world(tier="medium")


@pytest.fixture
def labels() -> np.ndarray:
    return labels_of_the_data()


def next_version(world: kit.World) -> ModelVersion:
    return make.make_version(world.model, actor=world.maker)


def judged(evaluation: Evaluation, rule: dict[str, Any] = RULE) -> RequirementResult:
    """How the evidence stands on the rule, for production."""
    results = judge(version=evaluation.version, document=policy_of(rule), evaluation=evaluation, card=None)
    return next(one for one in results if one.rule_id == rule["id"])


def run_comparisons() -> int:
    """Run the comparisons that were asked for; how many."""
    waiting = list(Job.objects.filter(kind=COMPARE, state=JobState.QUEUED).values_list("id", flat=True))
    for job in waiting:
        runner.run(job)
        assert Job.objects.get(id=job).state == JobState.SUCCEEDED
    return len(waiting)


def go_live(world: kit.World, version: ModelVersion) -> None:
    """Through the product's own gate, under a policy that asks for little."""
    environment = make_environment()
    if policy_in_force("medium", environment) is None:
        make_policy(
            policy_text(
                policy="Medium tier, production", risk_tier="medium", rules=[{**AUC, "limit": 0.1}, RULE]
            )
        )
    kit.go_live(world, version, environment)


def test_without_a_champion_the_declared_baseline_stands_in(world: kit.World, labels: np.ndarray) -> None:
    first, second = world.version, next_version(world)
    scored(world, first, drawn_scores(labels, 0.2), labels)
    evaluation = scored(world, second, drawn_scores(labels, 0.6), labels)
    alone = judged(evaluation)
    assert (alone.state, alone.blocks) == ("not_applicable", False)
    assert alone.message == (
        "No version is live in production, and the model declares no baseline (the alias “baseline”), so nothing is "
        "compared."
    )
    assert not Job.objects.filter(kind=COMPARE).exists()

    set_alias(model=world.model, name="Baseline", version=first, actor=world.maker)
    waiting = judged(evaluation)
    assert (waiting.state, waiting.blocks) == ("not_measured", True)
    assert waiting.message.startswith(
        "The differences to the declared baseline, version 1, are not measured yet."
    )
    assert run_comparisons() == 1
    met = judged(evaluation)
    assert met.state == "met"
    assert met.message.startswith("The difference in ROC AUC to the declared baseline, version 1, is 0.")
    comparison = Comparison.objects.get()
    assert met.looked_at["baseline"] == 1
    assert met.looked_at["comparison"] == f"sha256:{comparison.digest}"
    assert met.looked_at["diff_ci_low"] == f"{comparison.differences['diffs']['roc_auc']['diff_ci_low']}"
    assert met.link is not None
    assert met.link.endswith("/versions/2/compare/1/")

    own = judged(Evaluation.objects.get(version=first))
    assert own.state == "not_applicable"
    assert (
        own.message == "No version is live in production, and this version is the declared baseline itself."
    )


def test_what_is_live_is_the_champion_and_another_going_live_is_measured_anew(
    world: kit.World, labels: np.ndarray
) -> None:
    first, second, third = world.version, next_version(world), next_version(world)
    scored(world, first, drawn_scores(labels, 0.3), labels)
    go_live(world, first)
    assert run_comparisons() == 0

    better = scored(world, second, drawn_scores(labels, 0.6), labels)
    worse = scored(world, third, drawn_scores(labels, 0.1), labels)
    assert run_comparisons() == 2  # asked for when the evidence was recorded
    assert judged(better).message.startswith("The difference in ROC AUC to the champion, version 1, is 0.")
    refused = judged(worse)
    assert (refused.state, refused.blocks) == ("not_met", True)
    assert "and must be at least −0.01, on 400 rows." in refused.message
    page = kit.browser(world.maker_user).get(
        f"/models/{world.model.name}/versions/3/evaluations/{worse.number}/"
    )
    text = kit.text_of(page)
    assert "Champion 1" in text
    assert "Worse, by 0." in text
    itself = judged(Evaluation.objects.get(version=first))
    assert (itself.state, itself.blocks) == ("not_applicable", False)
    assert itself.message.startswith("This version is live in production itself")

    environment = make_environment()
    revision = policy_in_force("medium", environment)
    assert revision is not None
    before = subject_of(version=third, environment=environment, revision=revision).digest
    go_live(world, second)
    changed = judged(worse)
    assert (changed.state, changed.blocks) == ("not_measured", True)
    assert changed.message.startswith("The differences to the champion, version 2, are not measured yet.")
    assert not gate_of(version=third, environment=environment).verdict
    assert (
        run_comparisons() == 2
    )  # asked for when version 2 went live, also of version 1: it is approved still
    assert judged(worse).looked_at["champion"] == 2
    assert judged(worse).state == "not_met"
    # The champion is no part of what people sign.
    assert subject_of(version=third, environment=environment, revision=revision).digest == before


def test_other_rows_are_refused_and_the_same_rows_under_another_name_are_not(
    world: kit.World, labels: np.ndarray
) -> None:
    first, second = world.version, next_version(world)
    scored(world, first, drawn_scores(labels, 0.3), labels)
    set_alias(model=world.model, name="baseline", version=first, actor=world.maker)
    elsewhere = make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker, name="other"),
        actor=world.maker,
        content=kit.labelled_parquet(seed=2),
        descriptor=kit.DESCRIPTOR,
    )
    again = make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker, name="same"),
        actor=world.maker,
        content=kit.labelled_parquet(),
        descriptor=kit.DESCRIPTOR,
    )
    other = scored(world, second, drawn_scores(labels, 0.4), labels, data=elsewhere)
    found = judged(other)
    assert (found.state, found.blocks) == ("not_measured", True)
    assert found.message == (
        "Not the same rows: credit-default 2 was measured on other 1, credit-default 1 on holdout 1. Evaluate both on "
        "one of them."
    )
    assert run_comparisons() == 0
    same = scored(world, second, drawn_scores(labels, 0.4), labels, data=again)
    assert run_comparisons() == 1
    assert judged(same).state == "met"

    # A run of either that gives the same evidence is the same evidence.
    rerun = scored(world, second, drawn_scores(labels, 0.4), labels, data=again)
    assert judged(rerun).state == "met"
    scored(world, first, drawn_scores(labels, 0.3), labels)
    assert judged(rerun).state == "met"
    # One that gives other scores is not.
    scored(world, first, drawn_scores(labels, 0.35), labels)
    assert judged(rerun).state == "not_measured"
    assert run_comparisons() > 0
    assert judged(rerun).state == "met"


def test_a_champion_without_evidence_or_with_other_settings_is_named(
    world: kit.World, labels: np.ndarray
) -> None:
    first, second = world.version, next_version(world)
    set_alias(model=world.model, name="baseline", version=first, actor=world.maker)
    evaluation = scored(world, second, drawn_scores(labels, 0.4), labels)
    none = judged(evaluation)
    assert none.message == (
        "The declared baseline, version 1, has no evidence by the suite default-binary. Evaluate it on holdout 1."
    )
    assert (none.state, none.looked_at["baseline"]) == ("not_measured", 1)
    scored(world, first, drawn_scores(labels, 0.3), labels, threshold=0.5)
    assert judged(evaluation).message.startswith("Not the same threshold:")
    scored(world, first, drawn_scores(labels, 0.3), labels, keep=False)
    assert "older than the keeping of scores" in judged(evaluation).message
    scored(world, first, drawn_scores(labels, 0.3), labels)
    assert run_comparisons() == 1  # the champion's own new evidence is compared with what may follow it
    assert judged(evaluation).state == "met"
    absent = judged(evaluation, RULE | {"path": "comparison.diffs.calibration_error", "limit": -1})
    assert (absent.state, absent.blocks) == ("not_measured", True)
    assert absent.message.endswith("was not measured: it has no paired difference.")
    assert judged(evaluation, RULE | {"min_n": 500}).state == "insufficient"


def test_versions_are_judged_against_whom_they_follow_in_a_fixed_number_of_queries(
    world: kit.World, labels: np.ndarray
) -> None:
    scored(world, world.version, drawn_scores(labels, 0.3), labels)
    go_live(world, world.version)
    others = [next_version(world) for _ in range(3)]
    for signal, version in enumerate(others, 4):
        scored(world, version, drawn_scores(labels, signal / 10), labels)
    environment = make_environment()

    def standing_of(some: list[ModelVersion]) -> tuple[int, set[str]]:
        """How many queries the gate takes for these, and how they stand on the rule."""
        versions = list(
            ModelVersion.objects.select_related("model", "run", "parent").filter(pk__in=[v.pk for v in some])
        )
        with CaptureQueriesContext(connection) as seen:
            gates = gates_of(versions, environment)
        rules = [one for gate in gates.values() for one in gate.requirements if one.rule_id == "champion"]
        return len(seen), {one.state for one in rules}

    one, many = standing_of(others[:1]), standing_of(others)
    assert one == many
    assert one[1] == {"not_measured"}
    assert run_comparisons() == 3
    one, many = standing_of(others[:1]), standing_of(others)
    assert one == many
    assert one[1] == {"met"}

    revision = policy_in_force("medium", environment)
    assert revision is not None
    tried = dry_run(actor=world.maker, policy=revision.policy, in_force=revision)
    assert {one.version.number for one in tried.judged} <= {1, 4}
    assert around_of(others)[others[0].pk].rivals.of(others[0], "staging") is None
