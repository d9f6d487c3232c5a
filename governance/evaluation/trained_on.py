"""What the named training data say of an evaluation's: rows they share, words they lack, when they end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from countersign.blobs.store import local_path
from countersign.jobs.handlers import JobContext, JobFailed
from governance.evaluation.data import EvaluationData
from governance.evaluation.data.csv_source import CsvSource
from governance.evaluation.data.keys import hashed
from governance.evaluation.data.kinds import kind_of
from governance.evaluation.data.parquet_source import ParquetSource
from governance.evaluation.data.source import Source, rebatched
from governance.evaluation.honesty.hashing import Hashes, row_hashes, shared
from governance.evaluation.honesty.quality import Period, Profile
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion

#: Rows that are hashed at once.
BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Trained:
    """The training data that are kept here. `content` hashes each row over `compared`, the columns that the
    evaluation data hold as well, in order; `shared_keys` counts the evaluation rows whose key they hold, None where not
    every dataset declares one; `words` profiles the features that hold text; `datasets` names them."""

    compared: tuple[str, ...]
    content: Hashes
    shared_keys: int | None
    words: Profile
    period: Period | None
    datasets: list[str]


def trained_on(
    context: JobContext, version: ModelVersion, evaluated: DatasetVersion, data: EvaluationData
) -> tuple[Trained | None, list[str]]:
    """The training data a version names, read as a stream: eight bytes a row are held; and why
    others are left out, a sentence each."""
    used = version.inputs.filter(context="training").select_related("dataset_version__dataset")
    named = [
        one.dataset_version
        for one in used.order_by("dataset_version__dataset__name", "dataset_version__number")
    ]
    if not named:
        return None, ["The version names no training data."]
    why = [f"{one} is kept elsewhere, so its rows cannot be compared." for one in named if one.blob is None]
    with ExitStack() as files:
        sources: dict[DatasetVersion, Source] = {}
        for one in named:
            try:
                if one.blob is not None:
                    sources[one] = files.enter_context(_opened(context, one))
            except JobFailed as damaged:
                why.append(f"{one} cannot be read: {damaged.message}")
        return _of_fitting(context, evaluated, data, sources, why)


def _of_fitting(
    context: JobContext,
    evaluated: DatasetVersion,
    data: EvaluationData,
    sources: dict[DatasetVersion, Source],
    why: list[str],
) -> tuple[Trained | None, list[str]]:
    fitting = {}
    for one, source in sources.items():
        absent = [name for name in data.features if not _same(name, source.schema, data.source.schema)]
        if absent:
            listed = ", ".join(f"“{name}”" for name in absent[:3]) + (" …" if len(absent) > 3 else "")
            why.append(f"{one} lacks the model's features {listed}, or holds another kind of value in them.")
        else:
            fitting[one] = source
    if not fitting:
        return None, why
    compared = _compared(evaluated, list(fitting), [source.schema for source in fitting.values()], data)
    try:
        return _read(context, fitting, compared, data), why
    except JobFailed as damaged:
        return None, [*why, f"The training data cannot be read: {damaged.message}"]


def _compared(
    evaluated: DatasetVersion,
    training: Sequence[DatasetVersion],
    schemas: Sequence[pa.Schema],
    data: EvaluationData,
) -> tuple[str, ...]:
    """The features, and every other column that all of them hold, but for names and times, which a copied row may
    carry anew."""
    aside = {name for one in (evaluated, *training) for name in (one.row_key, one.time_column)}
    ours = data.source.schema
    others = (
        name
        for name in sorted(set(ours.names) - set(data.features) - aside)
        if not pa.types.is_nested(ours.field(name).type)
        and all(_same(name, schema, ours) for schema in schemas)
    )
    return (*data.features, *others)


def _same(name: str, one: pa.Schema, other: pa.Schema) -> bool:
    """Whether both hold the column once, with the same kind of value."""
    if one.names.count(name) != 1 or other.names.count(name) != 1:
        return False
    kinds = kind_of(one.field(name).type), kind_of(other.field(name).type)
    return kinds[0] == kinds[1] or "" in kinds


@contextmanager
def _opened(context: JobContext, version: DatasetVersion) -> Iterator[Source]:
    if version.blob is None:
        raise JobFailed("data_elsewhere", f"{version} is kept elsewhere.")
    with local_path(version.blob) as path:
        if version.format == "csv":
            yield CsvSource(path, lambda _: context.check())
        else:
            yield ParquetSource(path)


def _read(
    context: JobContext,
    sources: dict[DatasetVersion, Source],
    compared: tuple[str, ...],
    data: EvaluationData,
) -> Trained:
    shared_keys = _shared_keys(context, sources, data)
    text = [name for name in data.features if kind_of(data.source.schema.field(name).type) == "text"]
    content = np.empty(sum(source.rows for source in sources.values()), dtype=np.uint64)
    read = 0
    words = Profile()
    periods: list[Period | None] = []
    for version, source in sources.items():
        period: Period | None = None
        columns = list(dict.fromkeys([*compared, *([version.time_column] if version.time_column else [])]))
        for piece in rebatched(source.pieces(columns), BATCH_ROWS, stop=source.rows):
            context.check()
            content[read : read + piece.num_rows] = row_hashes(piece, compared)
            read += piece.num_rows
            if text:
                words.add(piece.select(text))
            if version.time_column:
                period = widened(period, piece.column(version.time_column))
        periods.append(period)
    content.sort()
    known = [period for period in periods if period is not None]
    return Trained(
        compared=compared,
        content=content,
        shared_keys=shared_keys,
        words=words,
        period=_widest(known) if len(known) == len(periods) else None,
        datasets=[str(version) for version in sources],
    )


def _shared_keys(
    context: JobContext, sources: dict[DatasetVersion, Source], data: EvaluationData
) -> int | None:
    """How many of the evaluation's rows have a key that the training data hold. Read on their own, and let go of
    before the content is read: of many rows either is much to hold."""
    if not data.row_key or not all(version.row_key for version in sources):
        return None
    keys = np.empty(sum(source.rows for source in sources.values()), dtype=np.uint64)
    read = 0
    for version, source in sources.items():
        for piece in source.pieces([version.row_key]):
            context.check()
            keys[read : read + piece.num_rows] = hashed(piece.column(0))
            read += piece.num_rows
    keys.sort()
    return sum(shared(some, keys) for some in data.keys_by_piece())


def widened(period: Period | None, column: pa.Array) -> Period | None:
    """The period with the times of one more piece; one of other values than numbers, times and text is none."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    ends = pc.min_max(column)
    first, last = ends["min"].as_py(), ends["max"].as_py()
    if first is None:
        return period
    return Period(first, last) if period is None else _widest([period, Period(first, last)])


def _widest(periods: Sequence[Period]) -> Period | None:
    if len({type(end) for period in periods for end in period}) != 1:
        return None
    return Period(min(period.first for period in periods), max(period.last for period in periods))
