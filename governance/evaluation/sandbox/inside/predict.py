"""Load one model and answer batches of rows with its class probabilities, or its numbers. Runs confined.

Heavy libraries are imported in the functions, because nothing may be imported before the confinement.
"""

import gc
import importlib
import io
import platform
import random
import time
from typing import Any, BinaryIO

from . import loading, loading_boosters, loading_onnx
from .answers import Answers, Refused
from .loading import Loaded
from .start import Job

_SEED = 0


def main(job: Job) -> None:
    """Answer every batch that comes in on `job.features`; never returns after a failure.

    `job.facts`: flavour, method (`predict_proba` or `predict`), modules (to import first), trusted_types,
    tolerated_from (the number of the first batch that may fail, or None), and `inspection`, the module that reads
    what a file says about itself before it is loaded.
    """
    answers = job.answers
    stage = "import"
    try:
        started = time.perf_counter()
        # What libraries define stays for good: looking for garbage among it costs a tenth of importing them.
        gc.disable()
        modules = {name: importlib.import_module(name) for name in job.facts["modules"]}
        versions = {name: str(module.__version__) for name, module in modules.items()}
        versions["python"] = platform.python_version()
        gc.freeze()
        gc.enable()
        answers.note("imported", versions=versions, seconds=time.perf_counter() - started)
        stage = "load"
        artifact = io.BufferedReader(io.FileIO(job.artifact, "rb"))
        model = _load(job, artifact, versions)
        answers.note("loaded")
        stage = "predict"
        random.seed(_SEED)
        modules["numpy"].random.seed(_SEED)
        _answer(job, model, answers)
    except BaseException as error:
        answers.fail(stage, error)


def _load(job: Job, artifact: BinaryIO, versions: dict[str, str]) -> Loaded:
    flavour, method = job.facts["flavour"], job.facts["method"]
    inspection = importlib.import_module(job.facts["inspection"])
    content = artifact.read()
    artifact.seek(0)
    if flavour == "onnx":
        return loading_onnx.onnx_model(content, method, inspection.onnx_labels(content))
    if flavour == "xgboost":
        return loading_boosters.xgboost_model(content, method)
    if flavour == "lightgbm":
        return loading_boosters.lightgbm_model(content, method)
    _check_version(inspection.library_versions(content, flavour), versions["sklearn"])
    del content
    if flavour == "skops":
        return loading.estimator(loading.from_skops(artifact, job.facts["trusted_types"]), method)
    model = loading.unpickled(artifact)
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    if kind == "xgboost.core.Booster":
        return loading_boosters.xgboost_booster(model, method)
    if kind == "lightgbm.basic.Booster":
        return loading_boosters.lightgbm_booster(model, method)
    return loading.estimator(model, method)


def _check_version(theirs: list[str], ours: str) -> None:
    """Refuse a file whose estimators name another scikit-learn minor release than ours."""
    others = [version for version in theirs if version.split(".")[:2] != ours.split(".")[:2]]
    if others:
        raise Refused("library_version", built_with=others[0], worker_has=ours)


def _answer(job: Job, model: Loaded, answers: Answers) -> None:
    import numpy
    import pyarrow

    tolerated_from, columns, classes = job.facts["tolerated_from"], 0, model.classes
    with pyarrow.ipc.open_stream(io.BufferedReader(io.FileIO(job.features, "rb"), 1 << 20)) as stream:
        names = _column_order(model, stream.schema.names)
        for number, batch in enumerate(stream):
            may_fail = tolerated_from is not None and number >= tolerated_from
            frame = batch.to_pandas(use_threads=False)
            try:
                values = _numbers(
                    model.predict(frame if names is None else frame[names]), job.facts["method"]
                )
                if may_fail:
                    _check_shape(values, len(frame), columns)
            except Exception as error:
                # Where neither an answer nor the model says how many numbers a row has, there is no going on.
                if not may_fail or (classes is None and not columns):
                    raise
                values = error
            if not columns:
                columns = (len(classes or ()) or 1) if isinstance(values, Exception) else values.shape[1]
                labels = [str(place) for place in range(columns)] if classes is None else classes
                answers.note("header", k=columns, classes=labels)
            if isinstance(values, Exception):
                answers.refuse(values)
                continue
            contiguous = numpy.ascontiguousarray(values, dtype="<f8")
            answers.rows(len(contiguous), contiguous.data)
    answers.end()


def _check_shape(values: Any, rows: int, columns: int) -> None:
    """Where a batch may fail, an answer of another shape is a failure of that batch alone."""
    if len(values) != rows or (columns and values.shape[1] != columns):
        raise ValueError(f"{len(values)} x {values.shape[1]} numbers came back for {rows} rows")


def _column_order(model: Loaded, given: list[str]) -> list[str] | None:
    """The columns in the order the model was trained on; None when it knows no names."""
    if model.names is None:
        if model.width is not None and model.width != len(given):
            raise Refused("wrong_schema", wanted=model.width, given=len(given))
        return None
    # LightGBM writes names without blanks.
    plain = {name.replace(" ", "_"): name for name in given}
    names = [name if name in given else plain.get(name, name) for name in model.names]
    missing = [name for name in names if name not in set(given)]
    extra = [name for name in given if name not in set(names)]
    if missing or extra:
        raise Refused("wrong_schema", missing=missing[:50], extra=extra[:50])
    return names


def _numbers(scores: Any, method: str) -> Any:
    """The model's result as an array of rows x k; text, objects and complex numbers are refused.

    Complex numbers would be cast to float with only a warning, so the kind is checked first.
    """
    kind = getattr(getattr(scores, "dtype", None), "kind", None)
    if kind is None or kind not in "fiub":
        found = getattr(scores, "dtype", type(scores).__name__)
        raise Refused("not_numbers", f"{method} gave {found}")
    if getattr(scores, "ndim", 0) not in (1, 2):
        raise Refused("not_numbers", f"{method} gave an array of {scores.ndim} dimensions")
    values = scores.reshape(len(scores), -1)
    if method == "predict" and values.shape[1] != 1:
        raise Refused("several_numbers", given=values.shape[1])
    return values
