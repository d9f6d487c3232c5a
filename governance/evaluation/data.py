"""Reading a dataset version for an evaluation: features for the sandbox, labels and groups for us alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from countersign.jobs.handlers import JobFailed
from countersign.web.formats import plural
from governance.evaluation.labels import canonical_label
from registry.versions.tasks import Task

MISSING_GROUP = "not stated"


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """`features` holds the columns the model asks for, in its order; `labels` what happened, a row each: 0 or 1
    (1 is the positive label), for a regression a number; `groups` one string a row for each sensitive attribute."""

    features: pa.Table
    labels: NDArray[np.int8] | NDArray[np.float64]
    groups: dict[str, NDArray[np.str_]]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.features.num_rows)

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The features in record batches of at most `rows` rows."""
        yield from self.features.combine_chunks().to_batches(max_chunksize=rows)


def read(
    path: Path,
    *,
    data_format: str,
    features: Sequence[str],
    target: str,
    positive_label: str,
    sensitive_attributes: Sequence[str],
    task: Task = Task.BINARY,
) -> EvaluationData:
    """Read a Parquet or CSV file. Raises JobFailed with a sentence that names what does not fit: a column the model
    asks for is missing, the label among the features, no rows, missing labels, other than two classes, or for a
    regression a target that is no number, not finite or the same in every row."""
    if target in features:
        raise JobFailed(
            "label_in_features",
            f"The model's signature names the target “{target}” among its features, so a score would only repeat it. "
            "Train without it and upload a new version.",
        )
    try:
        if data_format == "csv":
            table = pyarrow.csv.read_csv(path)
        else:
            table = pyarrow.parquet.read_table(path, use_threads=False)
    except pa.ArrowException as error:
        raise JobFailed(
            "data_unreadable",
            f"The dataset's file cannot be read as {data_format}: {error}. Register it again.",
        ) from error
    wanted = [*features, target, *sensitive_attributes]
    absent = [name for name in dict.fromkeys(wanted) if name not in table.column_names]
    if absent:
        raise JobFailed(
            "wrong_schema",
            f"The dataset lacks the column{'s' if len(absent) > 1 else ''} {', '.join(absent)}, which the version's "
            "signature or the dataset's description names. Choose other data, or correct the signature.",
        )
    if table.num_rows == 0:
        raise JobFailed("no_rows", "The dataset has no rows, so there is nothing to measure.")
    return EvaluationData(
        features=table.select(list(features)),
        labels=_numbers(table[target], target)
        if task is Task.REGRESSION
        else _labels(table[target], target, positive_label),
        groups={name: _as_text(table[name]) for name in sensitive_attributes},
    )


def _numbers(column: Any, target: str) -> NDArray[np.float64]:
    """What happened, of a regression."""
    _refuse_gaps(column, target)
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise JobFailed(
            "target_not_numeric",
            f"“{target}” holds {kind}, and a regression predicts a number. Register the data with numbers in it, "
            "or, for classes, with a positive label and a classifier.",
        )
    numbers: NDArray[np.float64] = pc.cast(column, pa.float64(), safe=False).to_numpy()
    if wrong := int((~np.isfinite(numbers)).sum()):
        raise JobFailed(
            "target_not_finite",
            f"{plural(wrong, 'row has', 'rows have')} no finite number in “{target}” (NaN or infinite). "
            "Register the data without them.",
        )
    if numbers.min() == numbers.max():
        raise JobFailed(
            "target_constant",
            f"“{target}” is {numbers[0]:g} in every row, so nothing shows how well it is predicted. Choose data in "
            "which it varies.",
        )
    return numbers


def _refuse_gaps(column: Any, target: str) -> None:
    if column.null_count:
        raise JobFailed(
            "labels_missing",
            f"{column.null_count:,} rows have no “{target}”. Register the data without them.",
        )


def _labels(column: Any, target: str, positive_label: str) -> NDArray[np.int8]:
    _refuse_gaps(column, target)
    texts = _as_text(column)
    classes = sorted(set(texts.tolist()))
    positive = canonical_label(positive_label)
    if len(classes) != 2 or positive not in classes:
        shown = ", ".join(classes[:5]) + (" …" if len(classes) > 5 else "")
        raise JobFailed(
            "not_two_classes",
            f"“{target}” must hold two classes, one of them “{positive_label}”; it holds {len(classes)}: {shown}.",
        )
    labels: NDArray[np.int8] = (texts == positive).astype(np.int8)
    return labels


def _as_text(column: Any) -> NDArray[np.str_]:
    values = (
        column.to_pylist()
        if not pa.types.is_dictionary(column.type)
        else pc.cast(column, pa.string()).to_pylist()
    )
    cache: dict[object, str] = {None: MISSING_GROUP}
    texts = []
    for value in values:
        if value not in cache:
            cache[value] = canonical_label(value)
        texts.append(cache[value])
    return np.array(texts, dtype=np.str_)
