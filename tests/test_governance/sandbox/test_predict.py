"""A model in the sandbox predicts what it predicts anywhere else."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from sklearn.linear_model import LinearRegression

from governance.evaluation.sandbox import (
    TRUSTED_SKOPS_TYPES,
    EvaluationFailed,
    Flavour,
    Limits,
    Outcome,
)
from registry.versions.tasks import Task

from . import models

Run = Callable[..., Outcome]
Fails = Callable[..., EvaluationFailed]


@pytest.mark.parametrize("flavour", models.ESTIMATORS)
def test_predictions_are_those_of_the_model_in_this_process(
    flavour: Flavour, run: Run, tmp_path: Path
) -> None:
    artifact = models.save(models.pipeline(), flavour, tmp_path)
    outcome = run(artifact, flavour=flavour, table=models.table(), trusted_types=TRUSTED_SKOPS_TYPES)
    assert outcome.scores.tobytes() == models.here(models.pipeline()).tobytes()
    assert outcome.scores.dtype == numpy.dtype("<f8")
    assert outcome.classes == ("0", "1")
    assert outcome.circumstances["attempts"] == [], "an honest model tries nothing"


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


def test_a_batch_that_may_fail_is_refused_and_the_next_answered(
    run: Run, fails: Fails, tmp_path: Path
) -> None:
    artifact = models.predicting(
        "Model.calls = getattr(Model, 'calls', -1) + 1\n"
        "if Model.calls == 1: raise ValueError('cannot ' + chr(27))\n"
        "if Model.calls == 2: return numpy.full((len(X), 2), numpy.nan)\n"
        "if Model.calls == 3: return numpy.array(['a'] * len(X))\n"
        "if Model.calls == 4: return numpy.zeros((3, 2))\n"
        f"{models.HONEST}",
        tmp_path,
    )
    data = models.table().select(["age", "years"])
    settings = {"batches": data.to_batches(max_chunksize=20), "rows": 500}
    outcome = run(artifact, tolerated_from=1, keep="1", **settings)
    assert numpy.isnan(outcome.scores[20:100]).all()
    assert set(outcome.scores[:20, 0]) == set(outcome.scores[100:, 0]) == {0.75}
    assert outcome.classes == ("0", "1")
    assert [outcome.refusals[batch].rpartition(": ")[2] for batch in (1, 3, 4)] == [
        "cannot \ufffd",
        "predict_proba gave <U1",
        "3 x 2 numbers came back for 20 rows",
    ]
    assert outcome.refusals[2] == "20 of 20 predictions are not finite numbers (NaN or infinite)."
    assert len(outcome.latencies) == 25
    failure = fails(artifact, tolerated_from=2, **settings)
    assert failure.code == "crashed"
    every = models.predicting("raise ValueError('never')", tmp_path)
    assert sorted(run(every, tolerated_from=0).refusals) == [0, 1, 2]


def test_several_classes_and_one_number_a_row(run: Run, tmp_path: Path) -> None:
    data = models.table().select(["age", "years"])
    three = models.labels() + (data["age"].to_numpy() > 70)
    frame = data.to_pandas()
    classifier = type(models.linear())().fit(frame, numpy.array(["a", "b", "c"])[three])
    for flavour in (Flavour.SKOPS, Flavour.JOBLIB):
        artifact = models.save(classifier, flavour, tmp_path)
        outcome = run(artifact, flavour=flavour, task=Task.MULTICLASS)
        numpy.testing.assert_allclose(outcome.scores, classifier.predict_proba(frame), rtol=1e-12)
        assert outcome.classes == ("a", "b", "c")
    ranker = LinearRegression().fit(frame, three)
    outcome = run(models.save(ranker, Flavour.SKOPS, tmp_path), flavour=Flavour.SKOPS, task=Task.RANKING)
    numpy.testing.assert_allclose(outcome.scores[:, 0], ranker.predict(frame), rtol=1e-12)
    assert outcome.classes == ()


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
        f"print('\\x1b[31mred\\x1b[0m \\u202e<script>')\nos.write(1, b'x' * 20_000_000)\n{models.HONEST}",
        tmp_path,
    )
    outcome = run(artifact, limits=Limits(log_bytes=1000))
    told = outcome.circumstances
    assert told["log_bytes"] > 60_000_000
    assert len(told["log"]) <= 1000
    assert told["log"].startswith("\ufffd[31mred\ufffd[0m \ufffd<script>")
