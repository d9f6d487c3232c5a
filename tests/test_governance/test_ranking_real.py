"""The evaluation job with real models that order the rows of a query, in the real sandbox."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from django.urls import reverse
from sklearn.metrics import ndcg_score

from countersign.errors import Invalid
from countersign.jobs import runner
from governance.cards.evidence_facts import DRAWERS
from governance.evaluation.actions import request_evaluation
from governance.evaluation.models import Evaluation
from registry.datasets.descriptors import Descriptor
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion
from tests.test_governance import evidence_kit as kit
from tests.test_governance import tasks_kit as digits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None) -> kit.World:
    return digits.digit_world(digits.RELEVANCE)


def run(world: kit.World, version: ModelVersion, data: DatasetVersion | None = None) -> Evaluation:
    """Ask, and do the job here and now."""
    asked = request_evaluation(
        version=version, dataset_version=data or world.data, suite="quick-ranking", actor=world.maker
    )
    runner.run(asked.job_id)
    return Evaluation.objects.select_related("job").get(id=asked.id)


def test_a_ranking_is_measured_by_query_and_shown(world: kit.World, tmp_path: Path) -> None:
    evaluation = run(world, digits.upload(world, digits.saved(digits.finder(), tmp_path)))
    assert (evaluation.failure, evaluation.state) == ("", "succeeded")
    results = evaluation.results_document
    frame = digits.images()[1]
    frame = frame.assign(score=digits.finder().predict(frame[list(digits.PIXELS)]))
    sheets = [sheet for _, sheet in frame.groupby("sheet") if sheet["relevance"].any()]
    expected = np.mean([ndcg_score([one["relevance"]], [one["score"]], k=10) for one in sheets])
    ndcg = results["metrics"]["ndcg_at_10"]
    assert ndcg["value"] == pytest.approx(expected, abs=1e-9)
    assert (ndcg["n"], ndcg["method"]) == (len(sheets), "Student's t over queries, logit scale")
    empty = frame["sheet"].nunique() - len(sheets)
    assert results["queries"]["without_relevant"] == empty > 0
    assert results["dataset"]["query_column"] == "sheet"
    assert {entry["attribute"] for entry in results["groups"]} == {"desk"}
    said = {one["what"]: one["why"] for one in results["not_measured"]}
    assert "differs between the rows of one query" in said["Groups by ink"]
    assert f"{empty} quer" in said["Queries without a relevant row"]

    browser = kit.browser(world.maker_user)
    address = reverse("governance:evaluation", args=["digits", evaluation.version.number, evaluation.number])
    page = kit.text_of(browser.get(address))
    for words in ("By size of query", "NDCG@10 by query", "NDCG ratio", "Groups by ink"):
        assert words in page
    overview = browser.get(reverse("registry:version", args=["digits", evaluation.version.number]))
    assert "Mean reciprocal rank" in kit.text_of(overview)
    cards = {name: drawn(evaluation) for name, drawn in DRAWERS.items()}
    assert "with a relevant row" in str(cards["evaluation_data"])
    assert "NDCG@10" in str(cards["performance"])
    assert "100 queries are needed" in str(cards["fairness"])


def test_a_native_ranker_is_measured(world: kit.World, tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    digits.ranker().save_model(path)
    evaluation = run(world, digits.upload(world, path))
    assert evaluation.failure == ""
    results = evaluation.results_document
    frame = digits.images()[1]
    frame = frame.assign(score=digits.ranker().predict(frame[list(digits.PIXELS)]))
    asked = [sheet for _, sheet in frame.groupby("sheet") if sheet["relevance"].any()]
    expected = np.mean([ndcg_score([one["relevance"]], [one["score"]], k=10) for one in asked])
    assert results["version"]["flavour"] == "lightgbm"
    # tied scores count in the worst order here and in every order in scikit-learn
    assert results["metrics"]["ndcg_at_10"]["value"] == pytest.approx(expected, abs=0.03)
    assert results["metrics"]["ndcg_at_10"]["value"] > 0.7


def test_what_cannot_be_measured_says_why(world: kit.World, tmp_path: Path) -> None:
    version = digits.upload(world, digits.saved(digits.finder(), tmp_path))
    frame = digits.images()[1]
    gaps = frame.assign(sheet=frame["sheet"].where(frame["sheet"] > frame["sheet"].min()))
    unasked = run(world, version, digits.register(world, gaps, digits.RELEVANCE))
    assert unasked.failure_code == "queries_missing"
    plain = digits.register(world, frame, Descriptor(target="relevance"))
    with pytest.raises(Invalid) as caught:
        request_evaluation(version=version, dataset_version=plain, actor=world.maker)
    assert "names no query column" in caught.value.fields["dataset_version"][0]
