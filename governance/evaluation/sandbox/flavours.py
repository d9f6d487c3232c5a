"""The model formats that can be run here."""

from enum import StrEnum


class Flavour(StrEnum):
    """How a model's file is written, in order of trust: formats that hold no code first, pickles last."""

    ONNX = "onnx"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    SKOPS = "skops"
    JOBLIB = "joblib"
    PICKLE = "pickle"

    @property
    def modules(self) -> tuple[str, ...]:
        """Import names the sandbox loads before it opens a model of this flavour.

        They are imported before the model is read, so the versions they report are the worker's own word.
        """
        return ("numpy", "pandas", "pyarrow", *_MODULES[self])


_ESTIMATORS = ("joblib", "sklearn")
_MODULES: dict[Flavour, tuple[str, ...]] = {
    Flavour.ONNX: ("onnxruntime",),
    Flavour.XGBOOST: ("xgboost",),
    Flavour.LIGHTGBM: ("lightgbm",),
    Flavour.SKOPS: (*_ESTIMATORS, "skops"),
    Flavour.JOBLIB: _ESTIMATORS,
    Flavour.PICKLE: _ESTIMATORS,
}
