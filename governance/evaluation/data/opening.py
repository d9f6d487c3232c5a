"""Opening a data file: one walk through the columns that stay outside the sandbox, and every refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from countersign.jobs.handlers import JobFailed
from governance.evaluation.data.coding import Coder, TooManyValues
from governance.evaluation.data.contents import EvaluationData, Features
from governance.evaluation.data.csv_source import CsvSource
from governance.evaluation.data.keys import hashed, refuse_duplicates
from governance.evaluation.data.kinds import refuse_nested, refuse_other_types
from governance.evaluation.data.parquet_source import ParquetSource
from governance.evaluation.data.source import Source, Tick, damage_told
from governance.evaluation.data.targets import Classes, Numbers
from governance.evaluation.measures.rows import Coded
from registry.versions.tasks import Task

#: An attribute of more values than can be kept apart is none; how many can be compared is the measures' to say.
MOST_GROUPS = 10_000
MOST_QUERIES = 1_000_000


@damage_told
def open_data(
    path: Path,
    *,
    data_format: str,
    features: Sequence[str],
    target: str,
    positive_label: str,
    sensitive_attributes: Sequence[str],
    task: Task = Task.BINARY,
    row_key: str = "",
    time_column: str = "",
    query_column: str = "",
    types: Mapping[str, str] | None = None,
    tick: Tick | None = None,
) -> EvaluationData:
    """Open a Parquet or CSV file and read what is kept outside the sandbox: target, attributes, keys, queries.

    `types` is what the signature says of the features. `tick` hears how many rows were read and may raise to stop,
    now and at every later reading.

    Raises JobFailed with a sentence that names what does not fit: a column the model asks for is missing or holds
    another kind of value, the label among the features, no rows, missing labels, other classes than the task asks
    for, a target that is no number, not finite or the same in every row, row keys that are missing or repeated, a
    file that is damaged or larger than can be read."""
    if target in features:
        raise JobFailed(
            "label_in_features",
            f"The model's signature names the target “{target}” among its features, so a score would only repeat it. "
            "Train without it and upload a new version.",
        )
    heard: Tick = tick or (lambda rows: None)
    source: Source = CsvSource(path, heard) if data_format == "csv" else ParquetSource(path)
    named = [name for name in (row_key, time_column, query_column) if name]
    outside = list(dict.fromkeys([target, *sensitive_attributes, *named]))
    _refuse_schema(source, [*features, *outside])
    refuse_nested([*features, *outside], source.schema)
    refuse_other_types(types or {}, source.schema)
    if isinstance(source, ParquetSource):
        source.refuse_groups([*features, *outside])
    numeric = task in (Task.REGRESSION, Task.RANKING)
    happened: Numbers | Classes = (
        Numbers(source.rows, target, source.schema.field(target).type, task)
        if numeric
        else Classes(source.rows, target, task, positive_label)
    )
    coders = {name: Coder(source.rows, most=MOST_GROUPS) for name in sensitive_attributes}
    queries = Coder(source.rows, most=MOST_QUERIES) if query_column else None
    hashes = np.empty(source.rows if row_key else 0, dtype=np.uint64)
    read = gaps = 0
    for piece in source.pieces(outside):
        happened.take(piece.column(target))
        for name, coder in coders.items():
            _take(coder, piece, name)
        if queries is not None:
            _take(queries, piece, query_column)
        if row_key:
            keys = piece.column(row_key)
            gaps += keys.null_count
            hashes[read : read + len(keys)] = hashed(keys)
        read += piece.num_rows
        heard(read)
    if row_key:
        refuse_duplicates(hashes, gaps, row_key)
    del hashes
    labels, classes = (happened.labels(), ()) if isinstance(happened, Numbers) else happened.labels()
    groups: dict[str, Coded] = {name: coder.coded() for name, coder in coders.items()}
    return EvaluationData(
        source=source,
        features=tuple(features),
        labels=labels,
        classes=classes,
        groups=groups,
        queries=None if queries is None else queries.coded(),
        row_key=row_key,
        time_column=time_column,
        tick=heard,
    )


@damage_told
def open_features(path: Path, *, data_format: str, features: Sequence[str], tick: Tick) -> Features:
    """Open a file that `open_data` accepted, for its features alone. Raises JobFailed where it is damaged."""
    source: Source = CsvSource(path, tick) if data_format == "csv" else ParquetSource(path, accepted=features)
    return Features(source=source, features=tuple(features), tick=tick)


def _take(coder: Coder, piece: object, name: str) -> None:
    try:
        coder.take(piece.column(name))  # type: ignore[attr-defined]
    except TooManyValues:
        raise JobFailed(
            "not_measurable",
            f"“{name}” has more different values than can be kept apart. Put the values into bands first.",
        ) from None


def _refuse_schema(source: Source, wanted: Sequence[str]) -> None:
    names = source.schema.names
    absent = [name for name in dict.fromkeys(wanted) if name not in names]
    if absent:
        raise JobFailed(
            "wrong_schema",
            f"The dataset lacks the column{'s' if len(absent) > 1 else ''} {', '.join(absent)}, which the version's "
            "signature or the dataset's description names. Choose other data, or correct the signature.",
        )
    twice = [name for name in dict.fromkeys(wanted) if names.count(name) > 1]
    if twice:
        raise JobFailed(
            "wrong_schema",
            f"The dataset has several columns called {', '.join(twice)}, and which one is meant cannot be told. "
            "Register it with one of each name.",
        )
