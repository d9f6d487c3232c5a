"""What happened, a row each: the target column in the form its task is measured by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from countersign.jobs.handlers import JobFailed
from countersign.web.formats import plural
from governance.evaluation.arrow import reals_of
from governance.evaluation.data.coding import Coder, TooManyValues
from governance.evaluation.labels import canonical_label
from registry.versions.tasks import Task

#: More classes than anybody tells apart: the column is a number or an identifier.
MOST_CLASSES = 10_000

Labels = NDArray[np.int8] | NDArray[np.int32] | NDArray[np.float64]


class Numbers:
    """The target of a regression or of a ranking."""

    def __init__(self, rows: int, target: str, kind: pa.DataType, task: Task) -> None:
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise JobFailed(
                "target_not_numeric",
                f"“{target}” holds {kind}, and a {task.value} is measured by numbers. Register the data with them, "
                "or, for classes, with a positive label and a classifier.",
            )
        self._numbers = np.empty(rows, dtype=np.float64)
        self._target = target
        self._filled = self._gaps = 0

    def take(self, piece: Any) -> None:
        """Add the next piece."""
        self._gaps += piece.null_count
        self._numbers[self._filled : self._filled + len(piece)] = reals_of(piece)
        self._filled += len(piece)

    def labels(self) -> NDArray[np.float64]:
        """All of them. Raises JobFailed (labels_missing, target_not_finite, target_constant)."""
        _refuse_gaps(self._gaps, self._target)
        numbers = self._numbers
        if wrong := int((~np.isfinite(numbers)).sum()):
            raise JobFailed(
                "target_not_finite",
                f"{plural(wrong, 'row has', 'rows have')} no finite number in “{self._target}” (NaN or infinite). "
                "Register the data without them.",
            )
        if numbers.min() == numbers.max():
            raise JobFailed(
                "target_constant",
                f"“{self._target}” is {numbers[0]:g} in every row, so nothing shows how well it is predicted. Choose "
                "data in which it varies.",
            )
        return numbers


class Classes:
    """The target of a classifier, of two classes or of several."""

    def __init__(self, rows: int, target: str, task: Task, positive_label: str) -> None:
        self._coder = Coder(rows, most=MOST_CLASSES)
        self._target, self._task, self._positive = target, task, positive_label
        self._gaps = 0

    def take(self, piece: Any) -> None:
        """Add the next piece. Raises JobFailed (not_two_classes, too_many_classes)."""
        self._gaps += piece.null_count
        try:
            self._coder.take(piece)
        except TooManyValues:
            held = f"it holds more than {MOST_CLASSES:,} different values"
            if self._task is Task.BINARY:
                raise self._not_two(held) from None
            raise JobFailed(
                "too_many_classes",
                f"“{self._target}” names the class, and {held}. A number is predicted by a regression; of classes "
                "keep those that can be told apart.",
            ) from None

    def labels(self) -> tuple[NDArray[np.int8] | NDArray[np.int32], tuple[str, ...]]:
        """Of two classes 1 for the positive and 0 for the other, of several the place of each in their list. Raises
        JobFailed (labels_missing, not_two_classes, one_class)."""
        _refuse_gaps(self._gaps, self._target)
        coded = self._coder.coded()
        names = coded.names
        if self._task is Task.BINARY:
            positive = canonical_label(self._positive)
            if len(names) != 2 or positive not in names:
                shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
                raise self._not_two(f"it holds {len(names)}: {shown}")
            labels: NDArray[np.int8] = (coded.codes == names.index(positive)).astype(np.int8)
            return labels, names
        if len(names) < 2:
            raise JobFailed(
                "one_class",
                f"“{self._target}” is “{names[0]}” in every row, so nothing shows whether classes are told apart. "
                "Choose data with several.",
            )
        return coded.codes.astype(np.int32, copy=False), names

    def _not_two(self, held: str) -> JobFailed:
        return JobFailed(
            "not_two_classes",
            f"“{self._target}” must hold two classes, one of them “{self._positive}”; {held}.",
        )


def _refuse_gaps(gaps: int, target: str) -> None:
    if gaps:
        raise JobFailed(
            "labels_missing",
            f"{gaps:,} rows have no “{target}”. Register the data without them.",
        )
