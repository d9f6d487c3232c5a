"""Load one model and answer batches of rows with its class probabilities, or its numbers. Runs confined.

Heavy libraries are imported in the functions, because nothing may be imported before the confinement.
"""

import importlib
import io
import platform
import random
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from .answers import Answers, Refused
from .start import Job

_SEED = 0


def main(job: Job) -> None:
    """Answer every batch that comes in on `job.features`; never returns after a failure.

    `job.facts`: flavour, method (`predict_proba` or `predict`), modules (to import first), trusted_types,
    tolerated_from (the number of the first batch that may fail, or None), and `inspection`, the module that finds
    the library versions a file names before it is loaded.
    """
    answers = job.answers
    stage = "import"
    try:
        started = time.perf_counter()
        modules = {name: importlib.import_module(name) for name in job.facts["modules"]}
        versions = {name: str(module.__version__) for name, module in modules.items()}
        versions["python"] = platform.python_version()
        answers.note("imported", versions=versions, seconds=time.perf_counter() - started)
        stage = "load"
        artifact = io.BufferedReader(io.FileIO(job.artifact, "rb"))
        _check_version(job, artifact, versions["sklearn"])
        model = _load(job, artifact)
        answers.note("loaded")
        stage = "predict"
        random.seed(_SEED)
        modules["numpy"].random.seed(_SEED)
        # Estimators saved with n_jobs > 1 would otherwise start threads, and sums would change their order.
        with modules["joblib"].parallel_config(backend="sequential"):
            if job.facts["method"] == "predict":
                _regressor(model)
                _answer(job, model.predict, [], model, answers)
            else:
                classes = _classes(model)
                _answer(job, model.predict_proba, classes, model, answers)
    except BaseException as error:
        answers.fail(stage, error)


def _check_version(job: Job, artifact: BinaryIO, ours: str) -> None:
    """Refuse a file whose estimators name another scikit-learn minor release than ours."""
    find = importlib.import_module(job.facts["inspection"]).library_versions
    theirs = find(artifact.read(), job.facts["flavour"])
    artifact.seek(0)
    others = [version for version in theirs if version.split(".")[:2] != ours.split(".")[:2]]
    if others:
        raise Refused("library_version", built_with=others[0], worker_has=ours)


def _load(job: Job, artifact: BinaryIO) -> Any:
    if job.facts["flavour"] != "skops":
        # joblib reads plain pickles too; one loader, because the scanner imitates exactly that one.
        return importlib.import_module("joblib").load(artifact)
    skops = importlib.import_module("skops.io")
    exceptions = importlib.import_module("skops.io.exceptions")
    trusted = sorted(job.facts["trusted_types"])
    try:
        return skops.load(artifact, trusted=trusted)
    except exceptions.UntrustedTypesFoundException as error:
        artifact.seek(0)
        found = set(skops.get_untrusted_types(file=artifact)) - set(trusted)
        raise Refused("untrusted_types", types=sorted(found)) from error


def _answer(
    job: Job, predict: Callable[[Any], Any], classes: list[str], model: Any, answers: Answers
) -> None:
    import numpy
    import pyarrow

    tolerated_from, columns = job.facts["tolerated_from"], 0
    with pyarrow.ipc.open_stream(io.BufferedReader(io.FileIO(job.features, "rb"), 1 << 20)) as stream:
        names = _column_order(model, stream.schema.names)
        for number, batch in enumerate(stream):
            may_fail = tolerated_from is not None and number >= tolerated_from
            frame = batch.to_pandas(use_threads=False)
            try:
                values = _numbers(predict(frame if names is None else frame[names]), job.facts["method"])
                if may_fail:
                    _check_shape(values, len(frame), columns)
            except Exception as error:
                if not may_fail:
                    raise
                values = error
            if not columns:
                # With probabilities the classes say how many numbers belong to a row nobody could answer.
                columns = (len(classes) or 1) if isinstance(values, Exception) else values.shape[1]
                answers.note("header", k=columns, classes=classes)
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


def _classes(model: Any) -> list[str]:
    """Class labels in the order of the probabilities' columns."""
    import numpy

    if not callable(getattr(model, "predict_proba", None)):
        raise Refused("no_probabilities", lacks="predict_proba")
    labels = numpy.asarray(getattr(model, "classes_", None))
    if labels.ndim != 1:
        raise Refused("no_probabilities", lacks="classes_")
    return [str(label) for label in labels.tolist()]


def _regressor(model: Any) -> None:
    """Refuse what has no `predict`, and a classifier, whose class labels would pass for numbers."""
    if not callable(getattr(model, "predict", None)):
        raise Refused("no_predict")
    if callable(getattr(model, "predict_proba", None)) or getattr(model, "classes_", None) is not None:
        raise Refused("not_a_regressor")


def _column_order(model: Any, given: list[str]) -> list[str] | None:
    """The columns in the order the model was fitted on; None when it knows no names."""
    fitted = getattr(model, "feature_names_in_", None)
    if fitted is None:
        count = getattr(model, "n_features_in_", None)
        if isinstance(count, int) and count != len(given):
            raise Refused("wrong_schema", wanted=count, given=len(given))
        return None
    names = [str(name) for name in fitted]
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
