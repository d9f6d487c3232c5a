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

MISSING_GROUP = "not stated"


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """`features` holds the columns the model asks for, in its order; `labels` one 0 or 1 a row (1 is the positive
    label); `groups` one string a row for each sensitive attribute."""

    features: pa.Table
    labels: NDArray[np.int8]
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
) -> EvaluationData:
    """Read a Parquet or CSV file. Raises JobFailed with a sentence that names what does not fit: a column the model
    asks for is missing, the label among the features, no rows, missing labels, or other than two classes."""
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
        labels=_labels(table[target], target, positive_label),
        groups={name: _as_text(table[name]) for name in sensitive_attributes},
    )


def _labels(column: Any, target: str, positive_label: str) -> NDArray[np.int8]:
    if column.null_count:
        raise JobFailed(
            "labels_missing",
            f"{column.null_count:,} rows have no “{target}”. Register the data without them.",
        )
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


def canonical_label(value: object) -> str:
    """A class label as text, so that 1, 1.0, true and "1" are one label whichever side wrote it."""
    text = str(value)
    try:
        number = float(text)
    except ValueError:
        return {"True": "1", "False": "0", "true": "1", "false": "0"}.get(text, text)
    return str(int(number)) if number.is_integer() else repr(number)


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
