"""Models in XGBoost's and LightGBM's own formats: numbers, no code.

Both libraries want the classes of a target to be 0 to k - 1 and keep no other labels, so these are the classes
of such a model. Runs confined; libraries are imported in the functions.
"""

import json
from typing import Any

from .answers import Refused
from .loading import NUMBER, PROBABILITIES, Loaded, named, text_as_categories

_TWO_CLASSES = ["0", "1"]


def xgboost_model(content: bytes, method: str) -> Loaded:
    """A model saved by XGBoost's `save_model`, UBJSON or JSON."""
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    return xgboost_booster(booster, method)


def xgboost_booster(booster: Any, method: str) -> Loaded:
    """A booster in one shape. Raises Refused where its objective does not give what `method` asks for."""
    import xgboost

    booster.set_param({"nthread": 1})
    objective = json.loads(booster.save_config())["learner"]["objective"]
    several = objective["name"] == "multi:softprob"
    binary = objective["name"] == "binary:logistic"
    _check_objective(
        objective["name"], method, several or binary, objective["name"].startswith(("binary:", "multi:"))
    )
    categorical = [
        name
        for name, kind in zip(booster.feature_names or (), booster.feature_types or (), strict=False)
        if kind == "c"
    ]
    # An estimator that stopped early predicts with its best rounds only, and so does its file.
    best = booster.attr("best_iteration") if booster.attr("scikit_learn") else None
    rounds = (0, int(best) + 1) if best else (0, 0)

    def predict(frame: Any) -> Any:
        frame = text_as_categories(frame).astype(dict.fromkeys(categorical, "category"))
        if booster.feature_names is None:
            frame = frame.to_numpy()
        matrix = xgboost.DMatrix(frame, nthread=1, enable_categorical=True)
        return _columns(booster.predict(matrix, iteration_range=rounds), binary)

    if several:
        classes = [str(place) for place in range(int(objective["softmax_multiclass_param"]["num_class"]))]
    else:
        classes = _TWO_CLASSES if binary else []
    return Loaded(predict, classes, booster.feature_names, booster.num_features())


def lightgbm_model(content: bytes, method: str) -> Loaded:
    """A model saved by LightGBM's `save_model`, its text format."""
    import lightgbm

    return lightgbm_booster(lightgbm.Booster(model_str=content.decode()), method)


def lightgbm_booster(booster: Any, method: str) -> Loaded:
    """A booster in one shape. Raises Refused where its objective does not give what `method` asks for."""
    header = booster.model_to_string(num_iteration=1).splitlines()
    line = next((line for line in header if line.startswith("objective=")), "objective=none")
    objective = line.partition("=")[2].split()[0]
    binary, several = objective == "binary", objective in ("multiclass", "multiclassova")
    _check_objective(objective, method, binary or several, binary or several)
    names = named(booster.feature_name())

    def predict(frame: Any) -> Any:
        given = frame.to_numpy() if names is None else text_as_categories(frame)
        return _columns(booster.predict(given, num_threads=1), binary)

    if several:
        classes = [str(place) for place in range(booster.num_model_per_iteration())]
    else:
        classes = _TWO_CLASSES if binary else []
    return Loaded(predict, classes, names, booster.num_feature())


def _check_objective(objective: str, method: str, probabilities: bool, classifies: bool) -> None:
    if method == PROBABILITIES and not probabilities:
        raise Refused("no_probabilities", objective=objective)
    if method == NUMBER and classifies:
        raise Refused("not_a_regressor")


def _columns(numbers: Any, binary: bool) -> Any:
    """Of two classes both libraries give the second one's probability alone."""
    import numpy

    return numpy.column_stack([1 - numbers, numbers]) if binary else numbers
