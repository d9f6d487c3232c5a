"""The scrutiny of an evaluation over registered data: the named training data are read, and what cannot be is said."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from countersign.blobs.store import local_path
from countersign.jobs.handlers import Cancelled, JobContext
from countersign.jobs.models import Job
from governance.evaluation.actions import request_evaluation
from governance.evaluation.data import open_data
from governance.evaluation.measures import measure_binary
from governance.evaluation.models import Evaluation
from governance.evaluation.scrutiny import OVERLAP, SLICES, Scrutiny, scrutinise
from governance.evaluation.suites import SUITES
from registry.datasets.descriptors import Descriptor
from registry.datasets.models import DatasetVersion
from registry.versions.values import InputClaim
from tests.factories import registry as make
from tests.test_governance import evidence_kit as kit

pytestmark = pytest.mark.django_db
FEATURES = ("income", "word")
DESCRIBED = replace(kit.DESCRIPTOR, sensitive_attributes=("sex",), row_key="key", time_column="year")
ROWS = 3000


def people(seed: int, *, rows: int = ROWS, year: int = 2020, first_key: int = 0) -> dict[str, Any]:
    """Rows with an income that tells something of the answer, which is lost for women with the word “b”."""
    rng = np.random.default_rng(seed)
    answer = rng.integers(2, size=rows)
    return {
        "key": np.arange(first_key, first_key + rows),
        "year": np.full(rows, year),
        "income": rng.normal(answer * 2.0, 1.0).round(6),
        "word": np.array(["a", "b", "c"])[rng.integers(3, size=rows)],
        "sex": np.array(["f", "m"])[rng.integers(2, size=rows)],
        "default": answer,
    }


def scores_of(columns: dict[str, Any]) -> Any:
    """What a model would say that does not know what it does to women with the word “b”."""
    scores = 1 / (1 + np.exp(2 - 2 * columns["income"]))
    lost = (columns["word"] == "b") & (columns["sex"] == "f")
    return np.where(lost, 1 - scores, scores)


@pytest.fixture
def world() -> kit.World:
    return kit.credit_world()


@pytest.fixture
def open_files() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def registered(
    world: kit.World, columns: dict[str, Any], descriptor: Descriptor = DESCRIBED, *, as_csv: bool = False
) -> DatasetVersion:
    content = kit.parquet(columns)
    if as_csv:
        sink = io.BytesIO()
        pyarrow.csv.write_csv(pa.table(columns), sink)
        content, descriptor = sink.getvalue(), replace(descriptor, format="csv")
    dataset = make.make_dataset(world.team, actor=world.maker)
    return make.make_dataset_version(dataset, actor=world.maker, content=content, descriptor=descriptor)


class Asked:
    """An evaluation that was asked for, and its scrutiny."""

    def __init__(
        self,
        world: kit.World,
        files: ExitStack,
        columns: dict[str, Any],
        *training: DatasetVersion,
        descriptor: Descriptor = DESCRIBED,
    ) -> None:
        version = make.make_version(
            world.model,
            actor=world.maker,
            inputs=[InputClaim(dataset_version=one, context="training") for one in training],
        )
        data_version = registered(world, columns, descriptor)
        self.evaluation: Evaluation = request_evaluation(
            version=version, dataset_version=data_version, actor=world.maker
        )
        self.context = JobContext(Job.objects.get(id=self.evaluation.job_id), world.maker)
        assert data_version.blob is not None
        self.data = open_data(
            files.enter_context(local_path(data_version.blob)),
            data_format="parquet",
            features=FEATURES,
            target="default",
            positive_label="1",
            sensitive_attributes=["sex"],
            row_key=descriptor.row_key,
        )
        self.scores = scores_of(columns)
        self.measured = measure_binary(
            labels=self.data.labels,
            scores=self.scores,
            threshold=0.5,
            favourable_is_positive=True,
            groups=self.data.groups,
            seed=1,
            draws=100,
        )

    def scrutiny(self, suite: str = "default-binary") -> Scrutiny:
        return scrutinise(self.context, self.evaluation, SUITES[suite], self.data, self.measured, self.scores)


def test_everything_is_in_the_results(world: kit.World, open_files: ExitStack) -> None:
    training = registered(world, people(1, year=2019, first_key=100_000))
    found = Asked(world, open_files, people(2), training).scrutiny()
    assert found.not_measured == []
    assert set(found.results) == {"data_quality", "power", "leakage", "slices", "label_noise"}
    first = found.results["slices"]["worst"][0]
    assert {(part["column"], part["value"]) for part in first["where"]} == {("sex", "f"), ("word", "b")}
    leakage = found.results["leakage"]
    assert (leakage["method"], leakage["row_overlap"]["value"]) == ("row key", 0.0)
    assert leakage["by_content"]["columns"] == ["income", "word", "default", "sex"]
    assert leakage["training"] == [str(training)]
    assert leakage["features"][0]["feature"] == "income"
    assert found.results["data_quality"]["period"] == {"first": "2020", "last": "2020"}
    assert found.results["data_quality"]["blockers"]["value"] == 0
    assert found.results["label_noise"]["suspected"]["n"] == ROWS


def test_a_second_scrutiny_says_the_same(world: kit.World, open_files: ExitStack) -> None:
    asked = Asked(world, open_files, people(2), registered(world, people(1)))
    assert asked.scrutiny().results == asked.scrutiny().results


def test_copied_rows_are_found_by_key_and_without_one(world: kit.World, open_files: ExitStack) -> None:
    """Of two training datasets, one a CSV file, 90 of 3,000 rows were copied; the others are new."""
    evaluation, taught = people(2), people(1, first_key=100_000)
    copied = {name: np.concatenate([values[:90], taught[name][90:]]) for name, values in evaluation.items()}
    parts = [
        {name: values[rows] for name, values in copied.items()} for rows in (slice(0, 50), slice(50, None))
    ]
    training = [registered(world, parts[0]), registered(world, parts[1], as_csv=True)]
    by_key = Asked(world, open_files, evaluation, *training).scrutiny().results
    assert (by_key["leakage"]["method"], by_key["leakage"]["shared_rows"]) == ("row key", 90)
    nameless = replace(DESCRIBED, row_key="", time_column="")
    fresh = {name: values for name, values in evaluation.items() if name not in ("key", "year")}
    without = Asked(world, open_files, fresh, *training, descriptor=nameless).scrutiny().results
    assert without["leakage"]["method"].startswith("equal content")
    assert without["leakage"]["row_overlap"]["value"] == pytest.approx(0.03, abs=0.001)
    codes = {one["code"] for one in without["data_quality"]["findings"]}
    assert "no_row_key" in codes
    codes = {one["code"] for one in by_key["data_quality"]["findings"]}
    assert codes == {"overlaps_training_in_time"}


def test_words_the_training_data_lack(world: kit.World, open_files: ExitStack) -> None:
    evaluation = people(2)
    evaluation["word"] = np.where(np.arange(ROWS) < 30, "new", evaluation["word"])
    training = registered(world, people(1, year=2019, first_key=100_000))
    found = Asked(world, open_files, evaluation, training).scrutiny()
    [finding] = found.results["data_quality"]["findings"]
    assert (finding["code"], finding["column"], finding["count"]) == ("unseen_categories", "word", 30)


@pytest.mark.parametrize("which", ["none", "distant", "unfit", "of another kind"])
def test_training_data_that_cannot_be_compared(world: kit.World, open_files: ExitStack, which: str) -> None:
    training = []
    if which == "distant":
        training = [
            make.make_distant_data(make.make_dataset(world.team, actor=world.maker), actor=world.maker)
        ]
    elif which == "unfit":
        lacking = {name: values for name, values in people(1).items() if name != "income"}
        training = [registered(world, lacking)]
    elif which == "of another kind":
        training = [registered(world, people(1) | {"income": np.full(ROWS, "much")})]
    found = Asked(world, open_files, people(2), *training).scrutiny("quick-binary")
    why = {
        "none": "The version names no training data.",
        "distant": "is kept elsewhere, so its rows cannot be compared.",
        "unfit": "lacks the model's features “income”",
        "of another kind": "lacks the model's features “income”, or holds another kind of value in them.",
    }[which]
    assert [one["what"] for one in found.not_measured] == [OVERLAP, SLICES]
    assert why in found.not_measured[0]["why"]
    assert "row_overlap" not in found.results["leakage"]
    assert found.results["leakage"]["single_feature"]["value"] > 0.8
    assert "slices" not in found.results


def test_it_stops_when_the_job_is_cancelled(world: kit.World, open_files: ExitStack) -> None:
    asked = Asked(world, open_files, people(2), registered(world, people(1)))
    asked.context.is_cancelled = True
    with pytest.raises(Cancelled):
        asked.scrutiny()
