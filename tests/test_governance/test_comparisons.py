"""Two versions on the same rows: asked for, measured by the job, recorded once, shown."""

from __future__ import annotations

import re
import threading
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.db import connection, transaction

from countersign.errors import Invalid, Refused
from countersign.jobs import runner
from countersign.jobs.models import Job
from countersign.ledger.verification import verify
from countersign.permissions import Role
from governance.comparisons.actions import record_comparison, request_comparison
from governance.comparisons.models import Comparison
from governance.comparisons.queries import newest_pair
from governance.evaluation.actions import record_results, request_evaluation
from governance.evaluation.measures import compare_paired, measure_multiclass, measure_ranking
from governance.evaluation.models import Evaluation
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.factories.governance import CIRCUMSTANCES
from tests.factories.people import actor_for
from tests.test_core.ledger_kit import begin
from tests.test_governance import evidence_kit as kit
from tests.test_governance import tasks_kit as digits
from tests.test_governance.comparison_kit import drawn_scores, labels_of_the_data, recorded, scored
from tests.test_registry.kit import assert_entry, last, leaves

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None) -> kit.World:
    begin()
    return kit.credit_world()


@pytest.fixture
def pair(world: kit.World) -> tuple[Evaluation, Evaluation, np.ndarray, np.ndarray, np.ndarray]:
    """A better version 2 and version 1, on the same rows."""
    labels = labels_of_the_data()
    worse, better = drawn_scores(labels, 0.25), drawn_scores(labels, 0.6)
    second = make.make_version(world.model, actor=world.maker)
    return (
        scored(world, second, better, labels),
        scored(world, world.version, worse, labels),
        labels,
        better,
        worse,
    )


def test_the_job_records_the_paired_differences_once(world: kit.World, pair: Any) -> None:
    evaluation, against, labels, better, worse = pair
    job = request_comparison(evaluation=evaluation, against=against, actor=world.maker)
    assert job is not None
    details = {"details": {"against": str(against.id)}}
    assert_entry(
        last("governance.comparison.requested"),
        verb="governance.comparison.requested",
        subject=evaluation,
        actor=world.maker,
        after=details,
    )
    assert request_comparison(evaluation=evaluation, against=against, actor=world.maker) == job

    runner.run(job.id)
    comparison = Comparison.objects.get()
    assert Job.objects.get(id=job.id).result == {"comparison": str(comparison.id)}
    leaf = last("governance.comparison.recorded")
    assert leaf["data"] == {"before": None, "after": comparison.ledger_state()}
    assert (leaf["via"], leaf["actor"]["ref"]) == (f"job:{job.id}", str(world.maker.ref))
    oracle = compare_paired(
        labels=labels, scores=better, champion_scores=worse, threshold=0.3, seed=20_260, draws=2000
    )
    measured = comparison.differences
    assert measured["diffs"]["roc_auc"] == oracle["diffs"]["roc_auc"]
    assert measured["diffs"]["roc_auc"]["diff_ci_low"] > 0
    assert measured["answers"] == oracle["answers"]
    groups = {(one["attribute"], one["group"]): one for one in measured["groups"]}
    assert {attribute for attribute, _ in groups} == {"age_band", "sex"}
    assert sum(groups["sex", name]["n"] for name in ("f", "m")) == len(labels)
    assert set(groups["sex", "f"]["diffs"]) == {"roc_auc", "recall", "selection_rate"}
    assert groups["age_band", "60 and over"]["sufficient"] is False
    assert sum(cell["n"] for cell in measured["answers"]) == len(labels) == measured["n"]
    assert sum(cell["positives"] for cell in measured["answers"]) == int(labels.sum())
    assert measured["champion"]["results_digest"] == f"sha256:{against.results_digest}"

    assert request_comparison(evaluation=evaluation, against=against, actor=world.maker) is None
    count = len(leaves())
    again = record_comparison(
        evaluation=evaluation, against=against, document={"other": 1}, actor=world.maker
    )
    assert (again.pk, len(leaves())) == (comparison.pk, count)
    from countersign.ledger.sealer import seal_now

    seal_now()
    assert verify(anchors=[]).findings == []


def test_two_who_ask_at_once_share_a_job(world: kit.World, pair: Any) -> None:
    evaluation, against, *_ = pair
    barrier, found = threading.Barrier(2), list[UUID]()

    def ask() -> None:
        try:
            barrier.wait(20)
            job = request_comparison(evaluation=evaluation, against=against, actor=world.maker)
            assert job is not None
            found.append(job.id)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 2
    assert len(set(found)) == 1


def test_nothing_is_asked_when_the_ledger_cannot_be_written(
    world: kit.World, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation, against, *_ = pair
    with kit.broken_ledger(monkeypatch):
        request_comparison(evaluation=evaluation, against=against, actor=world.maker)
    with kit.broken_ledger(monkeypatch):
        record_comparison(evaluation=evaluation, against=against, document={"n": 1}, actor=world.maker)
    assert not Comparison.objects.exists()


def test_who_may_not_evaluate_may_not_compare(world: kit.World, pair: Any) -> None:
    evaluation, against, *_ = pair
    with pytest.raises(Refused, match="evaluate"):
        request_comparison(evaluation=evaluation, against=against, actor=actor_for(world.user(Role.VIEWER)))


def test_other_rows_thresholds_and_evidence_without_scores_are_not_compared(
    world: kit.World, pair: Any
) -> None:
    evaluation, _, labels, better, _ = pair
    third = make.make_version(world.model, actor=world.maker)
    without = scored(world, third, better, labels, keep=False)
    other_threshold = scored(world, third, better, labels, threshold=0.5)
    elsewhere = make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker),
        actor=world.maker,
        content=kit.labelled_parquet(seed=2),
        descriptor=kit.DESCRIPTOR,
    )
    with transaction.atomic():
        other_rows = request_evaluation(version=third, dataset_version=elsewhere, actor=world.maker)
        other_rows = record_results(
            evaluation=other_rows,
            results=kit.results_of(other_rows, kit.measured(rows=400)),
            circumstances=CIRCUMSTANCES,
            actor=world.maker,
        )
    for against, words in (
        (without, "older than the keeping of scores"),
        (other_threshold, "Not the same threshold"),
        (other_rows, "Not the same rows"),
        (evaluation, "one evaluation, not two"),
    ):
        with pytest.raises(Invalid, match=words) as refused:
            request_comparison(evaluation=evaluation, against=against, actor=world.maker)
        assert refused.value.code == "not_comparable"
    assert not Job.objects.filter(kind="governance.compare").exists()


def test_the_page_tells_what_differs_and_what_is_not_known(world: kit.World, pair: Any) -> None:
    evaluation, against, *_ = pair
    url = f"/models/{world.model.name}/versions/{evaluation.version.number}/compare/{against.version.number}/"
    browser = kit.browser(world.maker_user)
    before = browser.get(url)
    assert before.status_code == 200
    assert "The differences were not measured yet" in kit.text_of(before)
    assert browser.post(url).status_code == 303
    job = Job.objects.get(kind="governance.compare")
    assert "are being measured" in kit.text_of(browser.get(url))
    runner.run(job.id)
    page = browser.get(url)
    text = kit.text_of(page)
    assert newest_pair(evaluation.version, against.version) == (evaluation, against)
    assert "ROC AUC higher is better" in text
    assert "Better" in text
    assert "Whose answer changes at 0.3" in text
    assert "Files, by digest" in text
    assert "2 minus 1, paired in each group" in text
    assert "sex f" in text
    assert re.search(r"ROC AUC higher is better .{30,120} Better by 0\.\d+, at least 0\.\d+", text)
    shown = browser.get(f"/models/{world.model.name}/versions/2/evaluations/{evaluation.number}/")
    assert shown.status_code == 200
    assert page.content.count(b"<h1") == 1
    viewer = kit.browser(world.user(Role.VIEWER))
    assert viewer.get(url).status_code == 200
    assert viewer.post(url).status_code == 403
    stranger = kit.browser(kit.credit_world(name="another", people="otto").maker_user)
    assert stranger.get(url).status_code == 404
    form = browser.get(f"/models/{world.model.name}/compare/", {"this": "2", "with": "1"})
    assert (form.status_code, form["Location"]) == (303, f"/models/{world.model.name}/versions/2/compare/1/")


def test_the_interface_answers_with_the_document(world: kit.World, pair: Any) -> None:
    evaluation, against, *_ = pair
    client = kit.browser(world.maker_user)
    url = f"/api/v1/models/{world.model.name}/versions/{evaluation.version.number}/comparison/{against.version.number}"
    assert client.get(url).status_code == 404
    asked = client.post(url, content_type="application/json")
    assert asked.status_code == 202
    assert asked["Location"] == f"/api/v1/jobs/{asked.json()['job']}"
    runner.run(UUID(asked.json()["job"]))
    answer = client.get(url).json()
    assert answer["document"]["diffs"]["roc_auc"]["method"] == "paired DeLong"
    assert client.post(url, content_type="application/json").json()["digest"] == answer["digest"]


def compared(evaluation: Evaluation, against: Evaluation, world: kit.World) -> dict[str, Any]:
    """The document of the comparison that was asked for here and carried out."""
    job = request_comparison(evaluation=evaluation, against=against, actor=world.maker)
    assert job is not None
    runner.run(job.id)
    assert Job.objects.get(id=job.id).state == "succeeded"
    return Comparison.objects.get(evaluation=evaluation, against=against).differences


def digit_version(world: kit.World) -> ModelVersion:
    return make.make_version(world.model, actor=world.maker, signature=world.version.signature)


def test_classifiers_of_several_classes_are_compared_also_where_one_knows_fewer(
    transactional_db: None,
) -> None:
    world = digits.digit_world()
    frame = digits.images()[1]
    data_classes = sorted(set(frame["digit"]))
    evidence = []
    for classes in (10, 8):
        model = digits.reader(classes)
        known = [str(name) for name in model.classes_]
        names = [*known, *(name for name in data_classes if name not in known)]
        probabilities = model.predict_proba(frame[list(digits.PIXELS)])
        measures = measure_multiclass(
            labels=np.array([names.index(label) for label in frame["digit"]]),
            probabilities=probabilities,
            classes=names,
            groups={},
            seed=7,
            draws=100,
        )
        evidence.append(
            recorded(world, digit_version(world), measures, probabilities, suite="quick-multiclass")
        )
    full, fewer = evidence
    found = compared(full, fewer, world)
    for name in ("accuracy", "macro_f1", "log_loss"):
        ours, theirs = (one.results_document["metrics"][name]["value"] for one in (full, fewer))
        assert found["diffs"][name]["value"] == pytest.approx(ours - theirs, abs=1e-9), name
    assert found["diffs"]["accuracy"]["diff_ci_low"] > 0
    assert {one["group"] for one in found["groups"]} == {"thick", "thin"}
    page = kit.browser(world.maker_user).get(f"/models/{world.model.name}/versions/2/compare/3/")
    text = kit.text_of(page)
    assert "Macro F1 higher is better" in text
    assert "ink thick" in text


def test_rankings_are_compared_query_by_query(transactional_db: None) -> None:
    world = digits.digit_world(digits.RELEVANCE)
    frame = digits.images()[1]
    good = digits.finder().predict(frame[list(digits.PIXELS)])
    poor = good + np.random.default_rng(1).normal(scale=2, size=len(good))
    evidence = [
        recorded(
            world,
            digit_version(world),
            measure_ranking(
                relevance=frame["relevance"].to_numpy(),
                scores=scores,
                queries=frame["sheet"].to_numpy().astype(str),
                groups={},
                seed=7,
                draws=100,
            ),
            scores,
            suite="quick-ranking",
        )
        for scores in (good, poor)
    ]
    found = compared(*evidence, world)
    difference = found["diffs"]["ndcg_at_10"]
    ours, theirs = (one.results_document["metrics"]["ndcg_at_10"]["value"] for one in evidence)
    assert difference["value"] == pytest.approx(ours - theirs, abs=1e-9)
    assert difference["diff_ci_low"] > 0
    assert difference["method"] == "paired bootstrap over queries"
    assert found["n"] == evidence[0].results_document["queries"]["measured"]
    page = kit.browser(world.maker_user).get(f"/models/{world.model.name}/versions/2/compare/3/")
    text = kit.text_of(page)
    assert "NDCG@10 higher is better" in text
    # Ink differs between the rows of a query.
    assert {one["attribute"] for one in found["groups"]} == {"desk"}
    assert sum(one["n"] for one in found["groups"]) == found["n"]
    few = found["groups"][0]
    assert (few["sufficient"], few["n"]) == (False, 50)
    assert "Group Queries Result desk left 50 Insufficient data" in text
