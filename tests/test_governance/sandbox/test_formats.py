"""ONNX, XGBoost and LightGBM models predict in the sandbox what they predict anywhere else."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy
import onnx
import pandas
import pyarrow
import pytest
import skops.io
import xgboost
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from governance.evaluation.sandbox import TRUSTED_SKOPS_TYPES, EvaluationFailed, Flavour, Outcome
from governance.evaluation.sandbox.failures import Refusal, refusal_from_note
from governance.evaluation.sandbox.inside.answers import Refused
from governance.evaluation.sandbox.inside.loading import NUMBER, PROBABILITIES, estimator, from_skops
from governance.evaluation.sandbox.inside.loading_boosters import lightgbm_model, xgboost_model
from governance.evaluation.sandbox.inside.loading_onnx import onnx_model
from governance.evaluation.sandbox.limits import Limits
from governance.evaluation.scanner.inspection import onnx_labels
from registry.versions.tasks import Task

from . import models

Run = Callable[..., Outcome]
Fails = Callable[..., EvaluationFailed]


@cache
def numbers() -> pyarrow.Table:
    return models.table().select(["age", "years"])


@cache
def mixed() -> pyarrow.Table:
    return models.table().select(["age", "region", "years"])


def categories(table: pyarrow.Table) -> pandas.DataFrame:
    return table.to_pandas().astype({"region": "category"})


def three() -> numpy.ndarray:
    return numpy.asarray(models.labels() + (numbers()["age"].to_numpy() > 70))


def written(booster: Any, path: Path) -> Path:
    booster.save_model(path)
    return path


def test_xgboost_files_of_both_forms(run: Run, tmp_path: Path) -> None:
    frame = categories(mixed())
    model = xgboost.XGBClassifier(n_estimators=3, early_stopping_rounds=1, enable_categorical=True)
    model.fit(frame, models.labels(), eval_set=[(frame, models.labels())], verbose=False)
    turned = mixed().select(["years", "region", "age"])
    for name in ("model.ubj", "model.json"):
        outcome = run(written(model, tmp_path / name), flavour=Flavour.XGBOOST, table=turned)
        numpy.testing.assert_array_equal(outcome.scores, model.predict_proba(frame))
        assert outcome.classes == ("0", "1")
    assert outcome.circumstances["libraries"]["xgboost"] == xgboost.__version__


def test_lightgbm_files_and_several_classes(run: Run, tmp_path: Path) -> None:
    frame = categories(mixed())
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(frame, three())
    artifact = written(model.booster_, tmp_path / "model.txt")
    outcome = run(artifact, flavour=Flavour.LIGHTGBM, table=mixed(), task=Task.MULTICLASS)
    numpy.testing.assert_array_equal(outcome.scores, model.predict_proba(frame))
    assert outcome.classes == ("0", "1", "2")


def test_rankers_of_both_libraries_and_their_pickles(run: Run, tmp_path: Path) -> None:
    frame, groups = numbers().to_pandas(), [100] * 5
    ranker = lightgbm.LGBMRanker(n_estimators=3, verbose=-1, n_jobs=1).fit(frame, three(), group=groups)
    loaded = lightgbm_model(ranker.booster_.model_to_string().encode(), "predict")
    numpy.testing.assert_array_equal(loaded.predict(frame), ranker.predict(frame))
    assert loaded.classes == []
    other = xgboost.XGBRanker(n_estimators=3).fit(frame, three(), qid=numpy.repeat(range(5), 100))
    joblib.dump(other, tmp_path / "ranker.joblib")
    outcome = run(tmp_path / "ranker.joblib", flavour=Flavour.JOBLIB, task=Task.RANKING)
    numpy.testing.assert_array_equal(outcome.scores[:, 0], other.predict(frame))


def refused(content: bytes, method: str, make: Callable[..., Any]) -> Refusal:
    with pytest.raises(Refused) as caught:
        make(content, method)
    return refusal_from_note({"code": caught.value.code, **caught.value.facts}, Limits(), model_was_read=True)


def test_a_boosters_objective_must_suit_the_task() -> None:
    frame = numbers().to_pandas()
    regressor = xgboost.XGBRegressor(n_estimators=2).fit(frame, three())
    content = bytes(regressor.get_booster().save_raw())
    found = refused(content, "predict_proba", xgboost_model)
    assert found.code == "no_probabilities"
    assert "objective reg:squarederror" in found.message
    numpy.testing.assert_array_equal(
        xgboost_model(content, "predict").predict(frame), regressor.predict(frame)
    )
    classifier = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1).fit(frame, models.labels())
    text = classifier.booster_.model_to_string().encode()
    assert refused(text, "predict", lightgbm_model).code == "not_a_regressor"


def test_boosted_estimators_in_skops_files_are_reviewed() -> None:
    """MLflow saves LightGBM's estimators like this."""
    frame = numbers().to_pandas()
    for model in (lightgbm.LGBMClassifier(n_estimators=2, verbose=-1), xgboost.XGBClassifier(n_estimators=2)):
        model.fit(frame, models.labels())
        found = from_skops(io.BytesIO(skops.io.dumps(model)), TRUSTED_SKOPS_TYPES)
        loaded = estimator(found, PROBABILITIES)
        numpy.testing.assert_array_equal(loaded.predict(frame), model.predict_proba(frame))


def test_what_only_makes_columns_is_no_model() -> None:
    for method, code in ((PROBABILITIES, "no_probabilities"), (NUMBER, "no_predict")):
        with pytest.raises(Refused) as raised:
            estimator(StandardScaler(), method)
        refusal = refusal_from_note({"code": code, **raised.value.facts}, Limits(), model_was_read=True)
        assert refusal.code == code
        assert refusal.message.startswith("The file holds a StandardScaler, which makes columns for a model")


@pytest.mark.parametrize("rows", [1, 3, 500])
def test_a_graph_for_a_fixed_number_of_rows_is_given_that_many_at_a_time(rows: int) -> None:
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 2])
    taken = helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 2])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", [given], [taken])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    loaded = onnx_model(model.SerializeToString(), PROBABILITIES, [])
    frame = numbers().to_pandas().head(200)
    numpy.testing.assert_allclose(loaded.predict(frame), frame.to_numpy(), rtol=1e-6)
    assert loaded.width == 2


def test_a_boosters_columns_are_checked(fails: Fails, tmp_path: Path) -> None:
    frame = numbers().to_pandas()
    model = xgboost.XGBClassifier(n_estimators=2).fit(frame, models.labels())
    artifact = written(model, tmp_path / "model.json")
    failure = fails(artifact, flavour=Flavour.XGBOOST, table=models.table().select(["age", "income"]))
    assert failure.code == "wrong_schema"
    assert "it lacks years and it has income in addition" in failure.message


def converted(model: Any, inputs: list[tuple[str, Any]], zipmap: bool) -> bytes:
    options = {id(model): {"zipmap": zipmap}} if hasattr(model, "predict_proba") else None
    return bytes(convert_sklearn(model, initial_types=inputs, options=options).SerializeToString())


def test_an_onnx_pipeline_takes_a_named_column_each(run: Run, fails: Fails, tmp_path: Path) -> None:
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["age", "years"]), ("t", OneHotEncoder(), ["region"])]
    )
    model = make_pipeline(columns, LogisticRegression())
    frame = mixed().to_pandas()
    model.fit(frame, numpy.array(["no", "yes"])[models.labels()])
    kinds = {"age": Int64TensorType, "region": StringTensorType, "years": FloatTensorType}
    inputs = [(name, kinds[name]([None, 1])) for name in frame.columns]
    path = tmp_path / "model.onnx"
    for zipmap in (False, True):
        path.write_bytes(converted(model, inputs, zipmap))
        outcome = run(path, flavour=Flavour.ONNX, table=mixed().select(["years", "age", "region"]))
        numpy.testing.assert_allclose(outcome.scores, model.predict_proba(frame), atol=1e-5)
        assert outcome.classes == ("no", "yes")
    failure = fails(path, flavour=Flavour.ONNX, table=numbers())
    assert "it lacks region" in failure.message


def shown(content: bytes, frame: pandas.DataFrame, method: str = "predict_proba") -> tuple[Any, Any]:
    loaded = onnx_model(content, method, onnx_labels(content))
    return loaded.predict(frame), loaded.classes


def test_an_onnx_matrix_and_its_labels() -> None:
    frame = numbers().to_pandas()
    model = LogisticRegression(max_iter=500).fit(frame.to_numpy(), three() + 5)
    found, classes = shown(converted(model, [("X", FloatTensorType([None, 2]))], False), frame)
    numpy.testing.assert_allclose(found, model.predict_proba(frame.to_numpy()), atol=1e-5)
    assert classes == ["5", "6", "7"]
    linear = LinearRegression().fit(frame.to_numpy(), three())
    found, classes = shown(converted(linear, [("X", FloatTensorType([None, 2]))], False), frame, "predict")
    numpy.testing.assert_allclose(found[:, 0], linear.predict(frame.to_numpy()), rtol=1e-4, atol=1e-5)
    assert classes == []


def network(
    shape: list[Any],
    outputs: list[str],
    *,
    domain: str = "",
    operator: str = "Sigmoid",
    external: bool = False,
) -> bytes:
    """A graph that answers its input, through one operator, on each of `outputs`."""
    nodes = [helper.make_node(operator, ["x"], [name], domain=domain) for name in outputs]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    taken = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in outputs]
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    if external:
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value="../weights.bin")
    graph = helper.make_graph(nodes, "g", [given], taken, [weights])
    opsets = [helper.make_opsetid("", 15), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def test_a_network_that_ends_in_one_sigmoid_gives_two_columns() -> None:
    found, classes = shown(network(["n", 1], ["out"]), pandas.DataFrame({"x": [0.0, 2.0]}))
    numpy.testing.assert_allclose(found, [[0.5, 0.5], [0.1192, 0.8808]], atol=1e-4)
    assert classes == ["0", "1"]
    assert shown(network(["n", 3], ["out"]), pandas.DataFrame(numpy.zeros((2, 3))))[1] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            network(["n", 3, 32, 32], ["out"]),
            "asks for an input of shape [n, 3, 32, 32] (“x”); rows of columns cannot",
        ),
        (network(["n", 2], ["first", "second"]), "can be told to be class probabilities: first, second"),
    ],
    ids=["image", "outputs"],
)
def test_what_is_no_model_of_rows_and_columns_is_said(content: bytes, words: str) -> None:
    with pytest.raises(Refused) as caught:
        onnx_model(content, "predict_proba", [])
    note = {"code": caught.value.code, **caught.value.facts}
    found = refusal_from_note(note, Limits(), model_was_read=True)
    assert words in found.message
    assert "bring predictions" in found.message


def test_gaps_have_no_text_and_no_whole_number() -> None:
    frame = pandas.DataFrame({"x": [1.0, None]})
    for kind in (StringTensorType, Int64TensorType):
        model = OneHotEncoder().fit(frame[:1].astype({"x": str if kind is StringTensorType else int}))
        content = converted(make_pipeline(model), [("x", kind([None, 1]))], False)
        with pytest.raises(ValueError, match="x contains NaN, and the model asks for"):
            onnx_model(content, "predict", []).predict(frame)


@pytest.mark.parametrize(
    ("note", "code", "words"),
    [
        (
            {"code": "sandbox_unavailable", "said": "OSError: libgomp.so.1: cannot open shared object file"},
            "missing_library",
            "apt-get install libgomp1",
        ),
        ({"code": "missing_module", "module": "secret_sauce"}, "missing_module", "module “secret_sauce”"),
        ({"code": "missing_name", "name": "f", "module": "__main__"}, "missing_name", "script or notebook"),
        (
            {"code": "missing_name", "name": "f", "module": "numpy"},
            "missing_name",
            "“f” of the module “numpy”",
        ),
    ],
    ids=["libgomp", "module", "main", "name"],
)
def test_what_is_missing_is_named(note: dict[str, Any], code: str, words: str) -> None:
    found: Refusal = refusal_from_note(note, Limits(), model_was_read=False)
    assert found.code == code
    assert words in found.message
    assert found.message.endswith(("(bring predictions).", "start the evaluation again."))


def test_a_pickle_of_elsewhere_says_what_is_missing(fails: Fails, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    for content, code in (
        (b"c__main__\nclean\n.", "missing_name"),
        (b"csecret_sauce\nA\n.", "missing_module"),
    ):
        path.write_bytes(content)
        assert fails(path).code == code


def test_the_checker_of_onnx_agrees_that_these_are_models() -> None:
    onnx.checker.check_model(onnx.load_from_string(network(["n", 1], ["out"])))
