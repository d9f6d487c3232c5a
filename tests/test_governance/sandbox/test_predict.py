"""A model in the sandbox predicts what it predicts anywhere else."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from governance.evaluation.sandbox import (
    TRUSTED_SKOPS_TYPES,
    EvaluationFailed,
    Flavour,
    Limits,
    Outcome,
)

from . import models

Run = Callable[..., Outcome]
Fails = Callable[..., EvaluationFailed]


@pytest.mark.parametrize("flavour", list(Flavour))
def test_predictions_are_those_of_the_model_in_this_process(
    flavour: Flavour, run: Run, tmp_path: Path
) -> None:
    artifact = models.save(models.pipeline(), flavour, tmp_path)
    outcome = run(artifact, flavour=flavour, table=models.table(), trusted_types=TRUSTED_SKOPS_TYPES)
    assert outcome.scores.tobytes() == models.here(models.pipeline()).tobytes()
    assert outcome.scores.dtype == numpy.dtype("<f8")
    assert outcome.classes == ("0", "1")


def test_a_second_run_gives_the_same_bytes_and_the_circumstances_are_told(run: Run, tmp_path: Path) -> None:
    artifact = models.predicting(
        # Randomness and hash order are the two things that could differ from run to run.
        "print('loaded by', len(X), list({'a', 'b', 'c'}))\n"
        "p = numpy.random.random(len(X))\nreturn numpy.column_stack([1 - p, p])",
        tmp_path,
    )
    first, second = run(artifact), run(artifact)
    assert first.scores.tobytes() == second.scores.tobytes()
    told = first.circumstances
    assert told["log"] == second.circumstances["log"]
    assert "loaded by 200" in told["log"]
    assert told["isolation"]["level"] >= 2
    assert told["isolation"]["confined"]["landlock_abi"] >= 1
    assert told["libraries"]["sklearn"].count(".") == 2
    assert told["latency"]["batches"] == 3
    assert 50 << 20 < told["peak_rss_bytes"] < 2 << 30
    assert 0 < told["cpu_seconds"] < 30
    assert told["wall_seconds"] >= told["import_seconds"] > 0
    json.dumps(told)


def test_columns_are_matched_by_name_whatever_their_order(run: Run, tmp_path: Path) -> None:
    artifact = models.save(models.linear(), Flavour.JOBLIB, tmp_path)
    turned = models.table().select(["years", "age"])
    outcome = run(artifact, flavour=Flavour.JOBLIB, table=turned)
    expected = models.linear().predict_proba(models.table().select(["age", "years"]).to_pandas())
    numpy.testing.assert_allclose(outcome.scores, expected, rtol=1e-12)


def test_missing_and_additional_columns_are_named(fails: Fails, tmp_path: Path) -> None:
    artifact = models.save(models.linear(), Flavour.JOBLIB, tmp_path)
    failure = fails(artifact, flavour=Flavour.JOBLIB, table=models.table().select(["age", "income"]))
    assert failure.code == "wrong_schema"
    assert "it lacks years and it has income in addition" in failure.message
    nameless = type(models.linear())().fit(
        models.table().select(["age", "years"]).to_pandas(), models.labels()
    )
    del nameless.feature_names_in_
    failure = fails(models.save(nameless, Flavour.PICKLE, tmp_path), table=models.table().select(["age"]))
    assert failure.code == "wrong_schema"
    assert "trained on 2 columns; the dataset gives 1" in failure.message


def test_gaps_a_model_cannot_read_are_a_matter_of_the_schema(fails: Fails, tmp_path: Path) -> None:
    data = models.table().select(["age", "years"])
    artifact = models.save(models.linear(), Flavour.PICKLE, tmp_path)
    years = data["years"].to_pylist()
    years[3] = None
    gaps = data.set_column(1, "years", [years])
    failure = fails(artifact, table=gaps)
    assert failure.code == "wrong_schema"
    assert "Input X contains NaN" in failure.said


def test_another_release_of_scikit_learn_is_named(
    fails: Fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sklearn.base.__version__", "1.1.1")
    for flavour in (Flavour.JOBLIB, Flavour.SKOPS):
        artifact = models.save(models.linear(), flavour, tmp_path)
        failure = fails(artifact, flavour=flavour)
        assert failure.code == "library_version"
        assert "built with scikit-learn 1.1.1; this worker has 1.9.1" in failure.message


def test_types_outside_the_reviewed_list_stop_a_skops_file(fails: Fails, tmp_path: Path) -> None:
    artifact = models.save(models.pipeline(), Flavour.SKOPS, tmp_path)
    failure = fails(artifact, flavour=Flavour.SKOPS, table=models.table(), trusted_types=())
    assert failure.code == "untrusted_types"
    assert "sklearn.tree._tree.Tree" in failure.message


def test_a_file_that_is_no_model_cannot_be_loaded(fails: Fails, tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(b"not a model")
    failure = fails(path, flavour=Flavour.JOBLIB)
    assert failure.code == "cannot_load"
    assert failure.said


def test_a_model_without_probabilities_is_told_so(fails: Fails, tmp_path: Path) -> None:
    from sklearn.svm import LinearSVC

    model = LinearSVC().fit(models.table().select(["age", "years"]).to_pandas(), models.labels())
    failure = fails(models.save(model, Flavour.PICKLE, tmp_path))
    assert failure.code == "no_probabilities"
    assert "CalibratedClassifierCV" in failure.message


def test_batches_that_disagree_with_the_announced_rows_are_the_callers_error(
    run: Run, tmp_path: Path
) -> None:
    artifact = models.predicting(models.HONEST, tmp_path)
    with pytest.raises(ValueError, match="499 were announced"):
        run(artifact, rows=499, batches=models.batches(models.table())[:2])
    with pytest.raises(ValueError, match="at least one row"):
        run(artifact, rows=0)
    assert not list(models.sandboxed(os.getpid()))


def test_the_package_costs_a_web_process_no_library() -> None:
    code = (
        "import sys, governance.evaluation.sandbox\n"
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'sklearn', 'django'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout == "[]\n"


def test_what_a_model_prints_is_cut_and_made_printable(run: Run, tmp_path: Path) -> None:
    artifact = models.predicting(
        f"print('\\x1b[31mred\\x1b[0m \\u202e<script>')\nos.write(1, b'x' * 5_000_000)\n{models.HONEST}",
        tmp_path,
    )
    outcome = run(artifact, limits=Limits(log_bytes=1000))
    told = outcome.circumstances
    assert told["log_bytes"] > 15_000_000
    assert len(told["log"]) <= 1000
    assert told["log"].startswith("\ufffd[31mred\ufffd[0m \ufffd<script>")
