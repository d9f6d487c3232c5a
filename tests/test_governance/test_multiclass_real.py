"""The evaluation job with real models of several classes, in the real sandbox."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xgboost
from django.urls import reverse
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from countersign.blobs.store import open_blob
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
    return digits.digit_world()


def run(world: kit.World, version: ModelVersion, data: DatasetVersion | None = None) -> Evaluation:
    """Ask, and do the job here and now."""
    asked = request_evaluation(
        version=version, dataset_version=data or world.data, suite="quick-multiclass", actor=world.maker
    )
    runner.run(asked.job_id)
    return Evaluation.objects.select_related("job").get(id=asked.id)


def test_a_classifier_of_ten_classes_is_measured_and_shown(world: kit.World, tmp_path: Path) -> None:
    evaluation = run(world, digits.upload(world, digits.saved(digits.reader(), tmp_path)))
    assert (evaluation.failure, evaluation.state) == ("", "succeeded")
    results = evaluation.results_document
    frame = digits.images()[1]
    probabilities = digits.reader().predict_proba(frame[list(digits.PIXELS)])
    names = [str(name) for name in digits.reader().classes_]
    predicted = np.array(names)[probabilities.argmax(axis=1)]
    expected = {
        "macro_f1": f1_score(frame["digit"], predicted, average="macro"),
        "balanced_accuracy": balanced_accuracy_score(frame["digit"], predicted),
        "macro_roc_auc": roc_auc_score(frame["digit"], probabilities, multi_class="ovr"),
        "log_loss": log_loss(frame["digit"], probabilities),
    }
    assert {name: results["metrics"][name]["value"] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert (results["task"], results["n"], results["classes"]) == ("multiclass", len(frame), names)
    assert {entry["group"] for entry in results["groups"]} == {"thick", "thin"}
    assert not any(one["what"].startswith(("Classes", "Ranking")) for one in results["not_measured"])

    form = evaluation.circumstances_document["scores"]["form"]
    assert form == "float64, little-endian, 10 in a row, a row after the other"
    assert evaluation.scores is not None
    with open_blob(evaluation.scores) as file:
        kept = np.frombuffer(file.read(), dtype="<f8").reshape(-1, 10)
    np.testing.assert_allclose(kept, probabilities, atol=1e-9)

    address = reverse("governance:evaluation", args=["digits", evaluation.version.number, evaluation.number])
    browser = kit.browser(world.maker_user)
    page = kit.text_of(browser.get(address))
    for said in ("By class", "What was taken for what", "Mistaken most often", "Macro F1", "Accuracy ratio"):
        assert said in page
    overview = browser.get(reverse("registry:version", args=["digits", evaluation.version.number]))
    assert "Macro ROC AUC" in kit.text_of(overview)
    cards = {name: drawn(evaluation) for name, drawn in DRAWERS.items()}
    assert "of 10 classes" in str(cards["evaluation_data"])
    assert "Macro F1" in str(cards["performance"])
    assert "Accuracy ratio" in str(cards["fairness"])


def test_a_native_model_numbers_its_classes(world: kit.World, tmp_path: Path) -> None:
    path = tmp_path / "model.ubj"
    digits.booster().save_model(path)
    frame = digits.images()[1]
    data = digits.register(world, frame.assign(digit=frame["digit"].str[-1].astype(int)), digits.CLASSES)
    evaluation = run(world, digits.upload(world, path), data)
    assert evaluation.failure == ""
    results = evaluation.results_document
    assert (results["version"]["flavour"], results["classes"]) == ("xgboost", [str(one) for one in range(10)])
    probabilities = digits.booster().predict(xgboost.DMatrix(frame[list(digits.PIXELS)]))
    right = probabilities.argmax(axis=1) == frame["digit"].str[-1].astype(int)
    assert results["metrics"]["accuracy"]["value"] == pytest.approx(right.mean(), abs=1e-9)


def test_classes_that_only_one_side_knows_are_said(world: kit.World, tmp_path: Path) -> None:
    """The model knows 0 to 7; the data holds 2 to 9."""
    frame = digits.images()[1]
    frame = frame[~frame["digit"].isin(["no. 0", "no. 1"])]
    data = digits.register(world, frame, digits.CLASSES)
    evaluation = run(world, digits.upload(world, digits.saved(digits.reader(8), tmp_path)), data)
    results = evaluation.results_document
    assert results["absent"] == {"from_model": ["no. 8", "no. 9"], "from_data": ["no. 0", "no. 1"]}
    assert [one["what"] for one in results["not_measured"]][:2] == [
        "Classes “no. 0”, “no. 1”",
        "Ranking of the classes “no. 8”, “no. 9”",
    ]
    assert "does not know this class" in results["metrics"]["macro_roc_auc"]["undefined"]
    address = reverse("governance:evaluation", args=["digits", evaluation.version.number, evaluation.number])
    assert "The model does not know them" in kit.text_of(kit.browser(world.maker_user).get(address))


def test_what_cannot_be_measured_says_why(world: kit.World, tmp_path: Path) -> None:
    version = digits.upload(world, digits.saved(digits.reader(), tmp_path))
    frame = digits.images()[1].copy()
    one_class = run(world, version, digits.register(world, frame.assign(digit="no. 3"), digits.CLASSES))
    assert one_class.failure_code == "one_class"
    others = run(
        world, version, digits.register(world, frame.assign(digit=frame["sheet"] % 3), digits.CLASSES)
    )
    assert others.failure_code == "classes_differ"
    assert "no class is in both" in others.failure
    two = digits.register(world, frame, Descriptor(target="digit", positive_label="no. 3"))
    with pytest.raises(Invalid) as caught:
        request_evaluation(version=version, dataset_version=two, actor=world.maker)
    told = caught.value.fields["dataset_version"][0]
    assert "multi-class classification needs data without one" in told
