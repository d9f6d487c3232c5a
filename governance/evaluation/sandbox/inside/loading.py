"""Open a model of any flavour and give it one shape: a function from a frame of features to numbers.

Runs confined. Heavy libraries are imported in the functions, because nothing may be imported before the
confinement.
"""

import importlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, BinaryIO

from .answers import Refused

PROBABILITIES = "predict_proba"
NUMBER = "predict"


@dataclass(frozen=True)
class Loaded:
    """A model that is ready. `predict` takes a pandas frame and gives an array of rows, or rows x k.

    `classes` are the labels of its columns, empty where it gives one number, None where the file does not say:
    they are then counted from 0. `names` are the columns it wants, in its order; None where it knows only how many
    (`width`), or nothing at all.
    """

    predict: Callable[[Any], Any]
    classes: list[str] | None
    names: list[str] | None = None
    width: int | None = None


def estimator(model: Any, method: str) -> Loaded:
    """An object with scikit-learn's methods. Raises Refused where it lacks `method` or says too little."""
    import joblib

    boosting = type(model).__module__.startswith(("xgboost.", "lightgbm."))

    def predict(frame: Any) -> Any:
        if boosting:
            frame = text_as_categories(frame)
        # Estimators saved with n_jobs > 1 would otherwise start threads, and sums would change their order.
        with joblib.parallel_config(backend="sequential"):
            return getattr(model, method)(frame)

    classes: list[str] = []
    if method == PROBABILITIES:
        classes = _classes(model)
    else:
        _regressor(model)
    names, count = named(getattr(model, "feature_names_in_", None)), getattr(model, "n_features_in_", None)
    return Loaded(predict, classes, names, count if isinstance(count, int) else None)


def named(names: Any) -> list[str] | None:
    """Names of columns as text; None for those LightGBM makes up where a model was trained without."""
    found = None if names is None else [str(name) for name in names]
    return None if found == [f"Column_{place}" for place in range(len(found or ()))] else found


def text_as_categories(frame: Any) -> Any:
    """The frame as the boosting libraries want it: their text columns are categories."""
    text = frame.select_dtypes(exclude=["number", "bool", "category"]).columns
    return frame.astype(dict.fromkeys(text, "category"))


def _classes(model: Any) -> list[str]:
    """Class labels in the order of the probabilities' columns."""
    import numpy

    if not callable(getattr(model, "predict_proba", None)):
        raise Refused("no_probabilities", lacks="predict_proba", transforms=_only_transforms(model))
    labels = numpy.asarray(getattr(model, "classes_", None))
    if labels.ndim != 1:
        raise Refused("no_probabilities", lacks="classes_")
    return [str(label) for label in labels.tolist()]


def _only_transforms(model: Any) -> str:
    """The class of a vectorizer, an encoder or a scaler, which stands before a model; empty for anything else."""
    transforms = callable(getattr(model, "transform", None)) and not callable(getattr(model, "predict", None))
    return type(model).__qualname__ if transforms else ""


def _regressor(model: Any) -> None:
    """Refuse what has no `predict`, and a classifier, whose class labels would pass for numbers."""
    if not callable(getattr(model, "predict", None)):
        raise Refused("no_predict", transforms=_only_transforms(model))
    if callable(getattr(model, "predict_proba", None)) or getattr(model, "classes_", None) is not None:
        raise Refused("not_a_regressor")


def unpickled(artifact: BinaryIO) -> Any:
    """joblib reads plain pickles too; one loader, because the scanner imitates exactly that one.

    Raises Refused for the ways in which a model of elsewhere does not load here."""
    try:
        return importlib.import_module("joblib").load(artifact)
    except ModuleNotFoundError as error:
        raise Refused("missing_module", str(error), module=str(error.name)) from error
    except AttributeError as error:
        if found := _MISSING_NAME.match(str(error)) or _MISSING_OLD_NAME.match(str(error)):
            raise Refused("missing_name", str(error), name=found["name"], module=found["module"]) from error
        raise
    except OSError as error:
        if "libgomp" in str(error):
            raise Refused("missing_library", str(error)) from error
        raise


# How pickle says that a module does not hold a name, from protocol 4 on and before.
_MISSING_NAME = re.compile(
    r"Can't get attribute '(?P<name>[^']{1,200})' on <module '(?P<module>[^']{1,200})'"
)
_MISSING_OLD_NAME = re.compile(r"module '(?P<module>[^']{1,200})' has no attribute '(?P<name>[^']{1,200})'")


def from_skops(artifact: BinaryIO, trusted_types: Collection[str]) -> Any:
    """The estimator in a skops file. Raises Refused for a type that is neither skops's own nor trusted."""
    skops = importlib.import_module("skops.io")
    exceptions = importlib.import_module("skops.io.exceptions")
    trusted = sorted(trusted_types)
    try:
        return skops.load(artifact, trusted=trusted)
    except exceptions.UntrustedTypesFoundException as error:
        artifact.seek(0)
        found = set(skops.get_untrusted_types(file=artifact)) - set(trusted)
        raise Refused("untrusted_types", types=sorted(found)) from error
