"""What the training job tests of a model before it hands it in, as a pipeline's own report: JUnit XML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import joblib
import numpy as np
import skops.io

from demo.datasets import load_sample
from demo.training import TrainedModel

ROWS = 500


def report(trained: TrainedModel, saved: Path, folder: Path) -> Path:
    """Run the checks on the first rows the model learned from and write their report into ``folder``."""
    rows = load_sample(trained.dataset.removesuffix("_refresh")).head(ROWS)
    features = rows[[column["name"] for column in trained.features]]
    scores = trained.pipeline.predict_proba(features)[:, 1]
    again = _loaded(saved).predict_proba(features)[:, 1]
    checks: dict[str, Callable[[], bool]] = {
        "the saved file gives the same scores": lambda: bool(np.array_equal(scores, again)),
        "scores are probabilities": lambda: bool(((scores >= 0) & (scores <= 1)).all()),
        "the target is no feature": lambda: "default" not in features.columns,
        "some rows are flagged and some are not": lambda: (
            0 < int((scores >= trained.threshold).sum()) < len(scores)
        ),
    }
    suite = ElementTree.Element("testsuite", name=f"hand-in checks of {trained.name}", tests=str(len(checks)))
    for name, holds in checks.items():
        case = ElementTree.SubElement(suite, "testcase", classname="training_job.checks", name=name)
        if not holds():
            ElementTree.SubElement(case, "failure", message="does not hold")
    path = folder / "checks.xml"
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    return path


def _loaded(saved: Path) -> Any:
    if saved.suffix == ".joblib":
        return joblib.load(saved)
    return skops.io.load(saved, trusted=skops.io.get_untrusted_types(file=saved))
