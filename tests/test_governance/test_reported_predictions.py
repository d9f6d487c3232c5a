"""Scores somebody brings for a model that cannot be run here: measured like any others, and said to be reported."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from countersign.blobs.store import receive
from countersign.errors import Invalid, Refused
from countersign.jobs import runner
from countersign.permissions import Role, Scope
from governance.evaluation.actions import report_predictions
from governance.evaluation.models import Evaluation
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.factories.people import api_client, token_for
from tests.test_core.ledger_kit import begin
from tests.test_governance import evidence_kit as kit
from tests.test_registry.kit import assert_entry, last

pytestmark = pytest.mark.django_db(transaction=True)
KEYS = "row_key"


@pytest.fixture
def world(transactional_db: None) -> kit.World:
    begin()
    return kit.credit_world()


@pytest.fixture
def foreign(world: kit.World) -> ModelVersion:
    """A version of a kind nobody can run here."""
    return make.make_version(
        world.model,
        actor=world.maker,
        files={"weights.safetensors": b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "},
        signature={"target": "default", "positive_label": "1", "threshold": 0.3, "features": kit_features()},
    )


def kit_features() -> list[dict[str, str]]:
    return [{"name": "credit_limit", "type": "int64"}]


def rows_of(world: kit.World) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(kit.labelled_parquet()))


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    draws = np.random.default_rng(3).random(len(frame))
    score = np.clip(0.15 + 0.4 * frame["default"].astype(int) + 0.4 * draws, 0, 1)
    return pd.DataFrame({KEYS: frame[KEYS], "score": score})


def as_csv(frame: pd.DataFrame) -> bytes:
    content: bytes = frame.to_csv(index=False).encode()
    return content


def bring(world: kit.World, version: ModelVersion, content: bytes) -> Evaluation:
    predictions = receive(iter([content]), size=None, expected_sha256=None, limit=1 << 24)
    asked = report_predictions(
        version=version, dataset_version=world.data, predictions=predictions, actor=world.maker
    )
    runner.run(asked.job_id)
    return Evaluation.objects.select_related("job").get(id=asked.id)


def test_scores_in_any_order_are_measured_and_said_to_be_reported(
    world: kit.World, foreign: ModelVersion
) -> None:
    frame = rows_of(world)
    given = scored(frame)
    shuffled = given.sample(frac=1, random_state=1)
    evaluation = bring(world, foreign, as_csv(shuffled))
    assert (evaluation.failure, evaluation.state) == ("", "succeeded")
    results, circumstances = evaluation.results_document, evaluation.circumstances_document
    from sklearn.metrics import roc_auc_score

    expected = roc_auc_score(frame["default"].astype(int), given["score"])
    assert results["metrics"]["roc_auc"]["value"] == pytest.approx(expected, abs=1e-9)
    assert results["source"] == "reported"
    assert "scan" not in results
    left_out = {one["what"]: one["why"] for one in results["not_measured"]}
    assert "is a file of weights (safetensors), which is not run here" in left_out["Scan of the file"]
    assert left_out["Reproduction"] == "The scores were brought; the model was not run here."
    assert "isolation" not in circumstances
    assert circumstances["predictions"] == {
        "sha256": evaluation.reported_id,
        "reporter": {"kind": "person", "ref": str(world.maker.ref)},
    }
    buffer = io.BytesIO()
    given.to_parquet(buffer, index=False)
    again = bring(world, foreign, buffer.getvalue())
    assert again.results_digest == evaluation.results_digest


def test_the_request_has_one_exact_entry(world: kit.World, foreign: ModelVersion) -> None:
    content = as_csv(scored(rows_of(world)))
    predictions = receive(iter([content]), size=None, expected_sha256=None, limit=1 << 24)
    asked = report_predictions(
        version=foreign, dataset_version=world.data, predictions=predictions, actor=world.maker
    )
    assert_entry(
        last("governance.evaluation.requested"),
        verb="governance.evaluation.requested",
        subject=asked,
        actor=world.maker,
        after={
            "number": asked.number,
            "version": str(foreign.pk),
            "dataset_version": str(world.data.pk),
            "suite": "default-binary",
            "suite_revision": 3,
            "state": "waiting",
            "failure_code": "",
            "results_digest": None,
            "circumstances_digest": None,
            "reported": f"sha256:{predictions.sha256}",
        },
    )


def test_a_model_that_can_be_run_is_scanned_all_the_same(world: kit.World) -> None:
    evaluation = bring(world, world.version, as_csv(scored(rows_of(world))))
    assert (evaluation.failure, evaluation.state) == ("", "succeeded")
    assert evaluation.results_document["scan"]["verdict"]


def _changed(change: str, frame: pd.DataFrame) -> bytes:
    good = scored(frame)
    number = good["score"].to_numpy(copy=True)
    match change:
        case "no key":
            return as_csv(good.rename(columns={KEYS: "id"}))
        case "no score":
            return as_csv(good.rename(columns={"score": "probability"}))
        case "a row less":
            return as_csv(good.iloc[1:])
        case "an unknown row":
            return as_csv(pd.concat([good, pd.DataFrame({KEYS: ["stranger"], "score": [0.5]})]))
        case "a row twice":
            return as_csv(pd.concat([good, good.iloc[:1]]))
        case "a gap":
            number[0] = np.nan
        case "infinite":
            number[0] = np.inf
        case "above one":
            number[0] = 1.5
        case "text":
            return as_csv(good.assign(score="high"))
        case "no rows":
            return as_csv(good.iloc[:0])
        case "lists as keys":
            buffer = io.BytesIO()
            good.assign(row_key=[[key] for key in good[KEYS]]).to_parquet(buffer, index=False)
            return buffer.getvalue()
        case "damaged":
            return b"PAR1" + b"\x00" * 40
    return as_csv(good.assign(score=number))


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ("no key", "wrong_schema", "one column called “row_key”"),
        ("no score", "wrong_schema", "“score”, the probability of the positive class"),
        ("a row less", "keys_differ", "1 row of 400 without a score, 0 scores for rows"),
        ("an unknown row", "keys_differ", "0 rows of 400 without a score, 1 score for rows"),
        ("a row twice", "duplicate_row_keys", "1 row repeats"),
        ("a gap", "not_finite", "1 of 400 rows have no finite score"),
        ("infinite", "not_finite", "1 of 400 rows"),
        ("above one", "out_of_range", "1 of 400 rows have a score outside 0 to 1"),
        ("text", "not_numbers", "must hold numbers"),
        ("no rows", "no_rows", "no rows"),
        ("lists as keys", "wrong_type", "row_key"),
        ("damaged", "data_unreadable", "cannot be read"),
    ],
)
def test_a_file_that_does_not_fit_says_what_to_send(
    world: kit.World, foreign: ModelVersion, change: str, code: str, says: str
) -> None:
    evaluation = bring(world, foreign, _changed(change, rows_of(world)))
    assert (evaluation.state, evaluation.failure_code) == ("failed", code)
    assert says in evaluation.failure
    assert "stranger" not in evaluation.failure


def test_what_is_refused_leaves_nothing(
    world: kit.World, foreign: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyless = make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker),
        actor=world.maker,
        content=kit.labelled_parquet(seed=5),
        descriptor=replace(kit.DESCRIPTOR, row_key=""),
    )
    content = as_csv(scored(rows_of(world)))
    viewer = kit.actor_for(world.user(Role.VIEWER))

    def ask(**changes: Any) -> Evaluation:
        predictions = receive(iter([content]), size=None, expected_sha256=None, limit=1 << 24)
        arguments = {"version": foreign, "dataset_version": world.data, "actor": world.maker} | changes
        return report_predictions(predictions=predictions, **arguments)

    with kit.nothing_changes():
        with pytest.raises(Refused):
            ask(actor=viewer)
        with pytest.raises(Invalid) as refused:
            ask(dataset_version=keyless)
        assert refused.value.code == "no_row_key"
        with kit.broken_ledger(monkeypatch):
            ask()


def test_it_is_brought_by_rest_and_by_the_page(world: kit.World, foreign: ModelVersion) -> None:
    machine = api_client(token_for(world.maker_user, Scope.READ, Scope.WRITE))
    name, number = world.model.name, foreign.number
    content = as_csv(scored(rows_of(world)))
    metadata = json.dumps({"dataset": world.data.dataset.name, "dataset_version": world.data.number})
    made = machine.post(
        reverse("governance:api-predictions", args=[name, number]),
        {"metadata": metadata, "file": SimpleUploadedFile("scores.csv", content)},
        headers={"Idempotency-Key": "one"},
    )
    assert made.status_code == 202, made.content
    assert made.json()["reported"] == Evaluation.objects.get(number=made.json()["number"]).reported_id

    page: Client = kit.browser(world.maker_user)
    where = reverse("governance:evaluations-brought", args=[name, number])
    assert "the probability of the positive class" in kit.text_of(page.get(where))
    empty = page.post(where, {"dataset_version": str(world.data.pk)})
    assert empty.status_code == 422
    for size in (2_300_000, 3_000_000):  # a little too large, and too large to be read
        large = SimpleUploadedFile("s.csv", content + b" " * size)
        refused = page.post(where, {"dataset_version": str(world.data.pk), "predictions": large})
        assert refused.status_code == 422
        assert "at most 2" in kit.text_of(refused)
    sent = page.post(
        where,
        {"dataset_version": str(world.data.pk), "predictions": SimpleUploadedFile("s.csv", content)},
    )
    assert sent.status_code in (302, 303)
    assert sent["Location"].startswith(reverse("governance:evaluations", args=[name, number]))
