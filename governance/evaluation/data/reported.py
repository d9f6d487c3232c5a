"""Scores that somebody brings: a file with row keys, put in the order of the data they are about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from countersign.jobs.handlers import JobFailed
from countersign.web.formats import plural, thousands
from governance.evaluation.arrow import reals_of
from governance.evaluation.data.contents import EvaluationData
from governance.evaluation.data.csv_source import CsvSource
from governance.evaluation.data.keys import hashed, refuse_duplicates
from governance.evaluation.data.kinds import refuse_nested
from governance.evaluation.data.parquet_source import ParquetSource
from governance.evaluation.data.source import Source, Tick
from governance.evaluation.labels import canonical_label
from registry.versions.tasks import Task

#: What the column of numbers is called where there is one of them.
COLUMN = {Task.BINARY: "score", Task.RANKING: "score", Task.REGRESSION: "prediction"}
#: The most classes whose scores are taken, as many as of a model that is run.
MOST_CLASSES = 1_000


def read_reported(
    path: Path, *, data: EvaluationData, task: Task, tick: Tick
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Scores of every row of `data`, in its order: (rows, k), and of several classes their names.

    The file is Parquet or CSV with the data's row key and a column `score` (the positive class' probability; of a
    ranking any number), `prediction` (regression), or one column for each class, called like it. Raises JobFailed
    (data_unreadable, wrong_schema, duplicate_row_keys, row_keys_missing, keys_differ, not_numbers, not_finite,
    out_of_range) with a sentence that says what to send instead. Keys may name people: they are counted, not named."""
    source: Source = ParquetSource(path) if _is_parquet(path) else CsvSource(path, tick)
    columns = _columns(source, data.row_key, task)
    refuse_nested([data.row_key], source.schema)
    hashes = np.empty(source.rows, dtype=np.uint64)
    scores = np.empty((source.rows, len(columns)), dtype=np.float64)
    read = gaps = 0
    for piece in source.pieces([data.row_key, *columns]):
        rows = slice(read, read + piece.num_rows)
        keys = piece.column(data.row_key)
        gaps += keys.null_count
        hashes[rows] = hashed(keys)
        for place, name in enumerate(columns):
            scores[rows, place] = _numbers(piece.column(name), name)
        read += piece.num_rows
        tick(read)
    refuse_duplicates(hashes.copy(), gaps, data.row_key)
    placed = scores[_places(hashes, data)]
    _refuse_values(placed, probabilities=task in (Task.BINARY, Task.MULTICLASS))
    return placed, tuple(canonical_label(name) for name in columns) if task is Task.MULTICLASS else ()


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _columns(source: Source, row_key: str, task: Task) -> list[str]:
    names = source.schema.names
    wanted = [row_key, *([COLUMN[task]] if task in COLUMN else [])]
    if absent := [name for name in wanted if names.count(name) != 1]:
        raise JobFailed(
            "wrong_schema",
            f"The file of scores needs exactly one column called {' and one called '.join(f'“{n}”' for n in absent)}: "
            f"the row key of the data, and {_what(task)}.",
        )
    if task in COLUMN:
        return [COLUMN[task]]
    classes = [name for name in names if name != row_key]
    if not 2 <= len({canonical_label(name) for name in classes}) == len(classes) <= MOST_CLASSES:
        raise JobFailed(
            "wrong_schema",
            f"Beside “{row_key}” the file of scores needs one column for each class, called like the class: 2 to "
            f"{thousands(MOST_CLASSES)} of them. It has {len(classes)}.",
        )
    return classes


def _what(task: Task) -> str:
    return {
        Task.BINARY: "“score”, the probability of the positive class",
        Task.RANKING: "“score”, a number that is higher the further up a row belongs",
        Task.REGRESSION: "“prediction”, the number predicted",
    }.get(task, "one column for each class, called like it")


def _numbers(column: pa.Array, name: str) -> NDArray[np.float64]:
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise JobFailed("not_numbers", f"“{name}” in the file of scores holds {kind}; it must hold numbers.")
    return reals_of(column)


def _places(hashes: NDArray[np.uint64], data: EvaluationData) -> NDArray[np.int64]:
    """Where each row of the data stands in the file of scores."""
    wanted = data.keys
    assert wanted is not None  # noqa: S101  report_predictions refuses data without a row key
    order = np.argsort(hashes, kind="stable")
    at = np.searchsorted(hashes, wanted, sorter=order)
    found = order[np.minimum(at, len(order) - 1)]
    missing = int((hashes[found] != wanted).sum())
    unknown = len(hashes) - (len(wanted) - missing)
    if missing or unknown:
        raise JobFailed(
            "keys_differ",
            f"The keys in “{data.row_key}” are not those of the data: {plural(missing, 'row')} of "
            f"{thousands(data.rows)} without a score, {plural(unknown, 'score')} for rows that are not there. "
            "Send one score for each row of the data, and no other.",
        )
    return found


def _refuse_values(scores: NDArray[np.float64], *, probabilities: bool) -> None:
    rows = thousands(len(scores))
    if wrong := int((~np.isfinite(scores)).any(axis=1).sum()):
        raise JobFailed(
            "not_finite",
            f"{thousands(wrong)} of {rows} rows have no finite score (missing, NaN or infinite). Send a number for "
            "each.",
        )
    if probabilities and (wrong := int(((scores < 0) | (scores > 1)).any(axis=1).sum())):
        raise JobFailed(
            "out_of_range",
            f"{thousands(wrong)} of {rows} rows have a score outside 0 to 1. Send probabilities.",
        )
