"""Run a model over a dataset's features in the sandbox and bring back its probabilities, or its numbers."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.versions.tasks import Task

from . import process
from .attempts import explained
from .failures import EvaluationFailed, Refusal, judge_end, one_line
from .flavours import Flavour
from .frames import PredictionReader
from .isolation import Isolation
from .limits import Limits

# numpy and pyarrow are imported where they are used: the web process imports this package for its types,
# and the two cost more memory than all the rest of it.
if TYPE_CHECKING:
    import numpy
    import pyarrow

_PROGRAM = ("inside.predict", "scanner.inspection")


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A model's answer: `scores` (rows, k) float64, one column for each of `classes`, in the rows' order; one
    column alone where one class was to be kept. A model that gives one number a row (regression, ranking) has no
    `classes` and one column. `latencies` holds the seconds each batch took, measured outside the model's process.
    `refusals` names the batches that could not be answered and were allowed to, and why; their rows are NaN.

    `circumstances` say how it came about and are no part of the result: isolation, limits, library versions,
    times in seconds, memory, latency of batches, and an excerpt of what the model printed.
    """

    scores: "numpy.ndarray"
    classes: tuple[str, ...]
    circumstances: dict[str, Any]
    latencies: tuple[float, ...] = ()
    refusals: dict[int, str] = field(default_factory=dict)


def predict(
    *,
    artifact: Path,
    flavour: Flavour,
    batches: "Iterable[pyarrow.RecordBatch]",
    rows: int,
    limits: Limits,
    isolation: Isolation,
    trusted_types: Collection[str],
    task: Task = Task.BINARY,
    keep: str | None = None,
    tolerated_from: int | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Outcome:
    """Give the model's class probabilities (binary, multi-class) or its numbers (regression, ranking), for `rows`
    rows of features.

    `artifact` is the model's file; the model sees nothing else of its folder. `batches` are sent exactly as
    they come, so labels stay out unless the caller puts them in; together they must have `rows` rows, at
    least one. `trusted_types` are accepted in a skops file beyond skops's own list; pickles ignore them.
    `keep` names the class of a binary model whose column alone is kept. From the batch numbered `tolerated_from`
    on (from 0, empty ones do not count) the model may raise an error or give numbers that are no predictions: see
    `Outcome.refusals`. `cancelled` is asked a few times a second. Whether `isolation` is strong enough is the
    caller's decision.

    Raises EvaluationFailed for anything the model or the host does wrong, ValueError when `batches` and
    `rows` disagree, OSError when the artifact cannot be opened.
    """
    if rows < 1:
        raise ValueError("there must be at least one row to predict")
    sent: list[tuple[int, float]] = []
    probabilities = task in (Task.BINARY, Task.MULTICLASS)
    reader = PredictionReader(
        expected=rows,
        limits=limits,
        sent=sent,
        clock=time.monotonic,
        probabilities=probabilities,
        keep=keep,
        tolerated_from=tolerated_from,
    )
    work = process.Task(
        entry="inside.predict:main",
        program=_PROGRAM,
        artifact=artifact,
        facts={
            "flavour": flavour.value,
            "method": "predict_proba" if probabilities else "predict",
            "tolerated_from": tolerated_from,
            "modules": flavour.modules,
            "trusted_types": sorted(trusted_types),
            "inspection": _PROGRAM[1],
        },
    )
    ended = process.run(
        work,
        limits=limits,
        isolation=isolation,
        answered=reader.feed,
        features=_arrow_stream(batches, rows, sent),
        cancelled=cancelled,
    )
    circumstances = _circumstances(ended, reader, limits, isolation)
    refusal = judge_end(ended, limits) or _incomplete(reader, rows) or reader.faults()
    if refusal:
        refusal = explained(refusal, ended.attempts)
        said = refusal.said or one_line(ended.log)
        raise EvaluationFailed(refusal.code, refusal.message, said, circumstances)
    return Outcome(reader.scores, reader.classes, circumstances, tuple(reader.latencies), reader.refusals)


def _incomplete(reader: PredictionReader, rows: int) -> Refusal | None:
    if reader.complete:
        return None
    if reader.received:
        return Refusal(
            "wrong_row_count",
            f"The model's process ended after {reader.received} of {rows} rows. Make sure nothing in the "
            "model ends the process.",
        )
    return Refusal(
        "no_predictions",
        "The model's process ended without giving predictions. Make sure nothing in the model ends the "
        "process, and that it returns its predictions.",
    )


class _Pieces:
    """A writable file for pyarrow that keeps what is written until it is taken away."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[memoryview] = []

    def write(self, data: "pyarrow.Buffer | bytes") -> int:
        """Keep `data`."""
        piece = memoryview(data)
        self._pieces.append(piece)
        return piece.nbytes

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def taken(self) -> list[memoryview]:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return pieces


def _arrow_stream(
    batches: "Iterable[pyarrow.RecordBatch]", rows: int, sent: list[tuple[int, float]]
) -> Iterator[memoryview]:
    """The batches as an Arrow stream, one at a time; notes in `sent` when each has left.

    Schema metadata stays here: pandas keeps index and type hints there, which would change the frame the
    model sees. Empty batches are left out, as no estimator accepts them.
    """
    import pyarrow

    sink = _Pieces()
    writer: Any = None
    total = 0
    for batch in batches:
        plain = batch.replace_schema_metadata(None)
        if writer is None:
            writer = pyarrow.ipc.new_stream(sink, plain.schema)
        if not plain.num_rows:
            continue
        total += plain.num_rows
        if total > rows:
            raise ValueError(f"the batches have more than the {rows} rows announced")
        writer.write_batch(plain)
        # An answer may come as soon as the last byte has left, so the row count is noted before.
        sent.append((plain.num_rows, time.monotonic()))
        yield from sink.taken()
        sent[-1] = (plain.num_rows, time.monotonic())
    if total != rows:
        raise ValueError(f"the batches have {total} rows, {rows} were announced")
    writer.close()
    yield from sink.taken()


def _circumstances(
    ended: process.Ended, reader: PredictionReader, limits: Limits, isolation: Isolation
) -> dict[str, Any]:
    return {
        "isolation": {**isolation.as_dict(), "confined": ended.confined},
        "limits": limits.as_dict(),
        "libraries": reader.libraries,
        "import_seconds": round(reader.import_seconds, 4),
        "load_seconds": round(reader.load_seconds, 4),
        "wall_seconds": round(ended.wall_seconds, 4),
        "cpu_seconds": round(ended.cpu_seconds, 4),
        "peak_rss_bytes": ended.peak_rss_bytes,
        "latency": latency_of(reader.latencies, reader.received),
        "log": ended.log,
        "log_bytes": ended.log_bytes,
        "strays": ended.strays,
        "attempts": ended.attempts,
    }


def latency_of(latencies: Sequence[float], rows: int) -> dict[str, Any]:
    """Seconds from a batch having left, or the answer before it, to its answer. Ranks are exact, not
    interpolated: `p95_seconds` is the smallest latency that 95 % of the batches do not exceed."""
    ordered = sorted(latencies)
    if not ordered:
        return {"batches": 0}
    total = sum(ordered)
    return {
        "batches": len(ordered),
        "first_seconds": round(latencies[0], 6),
        "median_seconds": round(ordered[(len(ordered) - 1) // 2], 6),
        "p95_seconds": round(ordered[-(-len(ordered) * 95 // 100) - 1], 6),
        "largest_seconds": round(ordered[-1], 6),
        "rows_per_second": round(rows / total, 1) if total else None,
    }
