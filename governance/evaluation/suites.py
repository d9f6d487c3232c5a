"""Suites: named, versioned sets of measures. A policy says which one its rules read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from registry.versions.tasks import Task


class Probe(StrEnum):
    """What a second process of the model is asked beside every row of the data."""

    REPRODUCTION = "reproduction"
    LATENCY = "latency"
    TRAINING = "training"
    ROBUSTNESS = "robustness"
    FLIP = "flip"
    IMPORTANCE = "importance"


@dataclass(frozen=True, slots=True)
class Suite:
    """`task` is what a model must do to be measured by it. `revision` changes whenever results of the same model
    on the same data could. `draws` resamples stand behind intervals without a closed form, from `seed`;
    predictions are asked for in batches of `batch_rows` rows. `probes` are asked of a sample of at most
    `probe_rows` rows; `latency_calls` rows are timed one at a time; `slices` says whether the worst slices are
    searched for."""

    name: str
    task: Task
    revision: int
    title: str
    draws: int = 2000
    probes: frozenset[Probe] = frozenset()
    probe_rows: int = 20_000
    latency_calls: int = 50
    slices: bool = False
    seed: int = 20_260
    batch_rows: int = 65_536


_DEFAULT = frozenset(Probe) - {Probe.IMPORTANCE}
_TASKS = {
    Task.BINARY: "Binary classification",
    Task.MULTICLASS: "Multi-class classification",
    Task.REGRESSION: "Regression",
    Task.RANKING: "Ranking",
}

#: The default of each task comes before its cheaper and its fuller one.
SUITES = {
    suite.name: suite
    for task, words in _TASKS.items()
    for suite in (
        Suite(
            f"default-{task}",
            task,
            3 if task in (Task.BINARY, Task.REGRESSION) else 2,
            f"{words}, default",
            probes=_DEFAULT,
            slices=True,
        ),
        Suite(f"quick-{task}", task, 2, f"{words}, quick", draws=500),
        Suite(
            f"full-{task}",
            task,
            2,
            f"{words}, full",
            draws=5000,
            probes=frozenset(Probe),
            probe_rows=50_000,
            latency_calls=200,
            slices=True,
        ),
    )
}


def default_suite(task: Task) -> str:
    """The name of the suite that is run where nobody names one: the first of the task."""
    return next(suite.name for suite in SUITES.values() if suite.task is task)
