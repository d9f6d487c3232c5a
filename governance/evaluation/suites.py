"""Suites: named, versioned sets of measures. A policy says which one its rules read."""

from __future__ import annotations

from dataclasses import dataclass

from registry.versions.tasks import Task


@dataclass(frozen=True, slots=True)
class Suite:
    """`task` is what a model must do to be measured by it. `revision` changes whenever results of the same model
    on the same data could. `draws` resamples stand behind intervals without a closed form, from `seed`;
    predictions are asked for in batches of `batch_rows` rows."""

    name: str
    task: Task
    revision: int
    title: str
    seed: int = 20_260
    draws: int = 2000
    batch_rows: int = 65_536


SUITES = {
    suite.name: suite
    for suite in (
        Suite("default-binary", Task.BINARY, 1, "Binary classification, default"),
        Suite("default-regression", Task.REGRESSION, 1, "Regression, default"),
    )
}


def default_suite(task: Task) -> str:
    """The name of the suite that is run where nobody names one: the first of the task."""
    return next(suite.name for suite in SUITES.values() if suite.task is task)
