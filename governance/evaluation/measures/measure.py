"""What a measure is to people: its name, which way is better, how it is written. No numerical library."""

from dataclasses import dataclass
from enum import Enum

from registry.versions.tasks import Task


class Better(Enum):
    """Which way a measure gets better."""

    HIGHER = "higher is better"
    LOWER = "lower is better"
    NEAR_IDEAL = "nearer the ideal is better"
    NEITHER = "neither way is better by itself"


class Unit(Enum):
    """How a value is written, by the name of the format: three decimals, per cent with one, whole things counted,
    or, for what is measured in the target's own unit, four figures."""

    SCORE = "score"
    PERCENT = "percent"
    COUNT = "thousands"
    TARGET = "quantity"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure as people meet it. `ideal` is given for the measures that should come near a value. `task` is whose
    measure it is, `also` names other tasks that give it under the same name."""

    name: str
    label: str
    better: Better
    unit: Unit
    meaning: str
    ideal: float | None = None
    task: Task = Task.BINARY
    also: tuple[Task, ...] = ()

    @property
    def tasks(self) -> frozenset[Task]:
        """Every task that gives it."""
        return frozenset({self.task, *self.also})


def gathered(*measures: Measure) -> dict[str, Measure]:
    """The measures by their names."""
    return {measure.name: measure for measure in measures}
