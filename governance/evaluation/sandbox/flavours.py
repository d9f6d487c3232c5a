"""The model formats that can be run here."""

from enum import StrEnum


class Flavour(StrEnum):
    """How a model's file is written, in order of trust: skops first, pickles last."""

    SKOPS = "skops"
    JOBLIB = "joblib"
    PICKLE = "pickle"

    @property
    def modules(self) -> tuple[str, ...]:
        """Import names the sandbox loads before it opens a model of this flavour.

        They are imported before the model is read, so the versions they report are the worker's own word.
        """
        common = ("numpy", "pandas", "pyarrow", "joblib", "sklearn")
        return (*common, "skops") if self is Flavour.SKOPS else common
