"""What the engine accepts: labels and scores that fit together, or a sentence that says what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures.estimate import FloatArray, IntArray
from governance.evaluation.measures.sorted_rows import MANY_ROWS, blocks, taken

#: Squares and quotients of larger and smaller numbers leave what float64 can hold.
MOST = 1e70
LEAST = 1e-70

#: A target of more classes is a number or an identifier.
MOST_CLASSES = 256


#: Positions of names, in as few bytes as they came.
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column of few different values: the names in order, each of which occurs, and for each row the place of
    its name."""

    names: tuple[str, ...]
    codes: Codes

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Any) -> "Coded":
        """The rows at these places, or where a mask is true, with the names that still occur."""
        codes = self.codes[rows]
        occurring = counted(codes, len(self.names)) > 0
        places = (np.cumsum(occurring) - 1).astype(codes.dtype)
        kept = (name for name, occurs in zip(self.names, occurring, strict=True) if occurs)
        return Coded(tuple(kept), taken(places, codes))


def counted(codes: Codes, names: int) -> IntArray:
    """How many rows each of the names has."""
    counts = np.zeros(names, dtype=np.int64)
    for block in blocks(len(codes)):
        counts += np.bincount(codes[block], minlength=names)
    return counts


#: What says to which group, or query, each row belongs.
Column = NDArray[Any] | Coded


def checked_labels(labels: Any) -> IntArray:
    """Labels as integers. ValueError unless they are a non-empty column of 0 and 1."""
    column = _column(labels, "labels")
    if len(column) == 0:
        raise ValueError("There are no rows to measure; give at least one label and score.")
    if column.dtype.kind not in "biuf":
        raise ValueError("labels must be the numbers 0 and 1; encode the classes first.")
    if not np.isin(column, (0, 1)).all():
        raise ValueError("labels must be 0 or 1 in every row; missing values and other classes are refused.")
    return column.astype(np.int64 if len(column) <= MANY_ROWS else np.int8)  # an eighth of the room


def checked_scores(scores: Any, *, rows: int, name: str = "scores") -> FloatArray:
    """Scores as float64, the caller's own where they are that already. ValueError unless there is one finite number
    from 0 to 1 for each row."""
    column = _column(scores, name)
    if len(column) != rows:
        raise ValueError(f"{name} has {len(column):,} rows and labels has {rows:,}; they must be equal.")
    if column.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be numbers from 0 to 1.")
    values = column.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds missing or infinite values; every row needs a score from 0 to 1.")
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"{name} must lie from 0 to 1; give probabilities, not margins or log-odds.")
    return values


def checked_codes(labels: Any, *, classes: int) -> IntArray:
    """Labels as positions of classes. ValueError unless there is at least one row and each names one of them."""
    column = _column(labels, "labels")
    if len(column) == 0:
        raise ValueError("There are no rows to measure; give at least one label.")
    if column.dtype.kind not in "iu":
        raise ValueError("labels must be positions in classes, whole numbers; encode the classes first.")
    if column.min() < 0 or column.max() >= classes:
        raise ValueError(f"labels must lie from 0 to {classes - 1}, the positions of the classes.")
    return column.astype(np.int64 if len(column) <= MANY_ROWS else np.int16)  # a quarter of the room


def checked_probabilities(values: Any, *, rows: int, classes: int) -> FloatArray:
    """Probabilities as float64, the caller's own where they are that already. ValueError unless each row holds at
    least two numbers from 0 to 1 that add up to 1, to a thousandth, and there are at most as many columns as `classes`,
    of which there may be MOST_CLASSES."""
    table = np.asarray(values)
    if table.ndim != 2 or len(table) != rows:
        raise ValueError(f"probabilities must be a table of {rows:,} rows, a row for each label.")
    if not 2 <= table.shape[1] <= classes <= MOST_CLASSES:
        raise ValueError(
            f"probabilities has {table.shape[1]} columns for {classes} classes; from 2 to {MOST_CLASSES} can be "
            "measured, a column for each class the model knows."
        )
    if table.dtype.kind not in "biuf":
        raise ValueError("probabilities must be numbers from 0 to 1.")
    numbers = table.astype(np.float64, copy=False)
    if not all(np.isfinite(numbers[some]).all() for some in blocks(rows)):
        raise ValueError("probabilities holds missing or infinite values; every row needs its numbers.")
    sums_off = max(np.abs(numbers[some].sum(axis=1) - 1).max() for some in blocks(rows))
    if numbers.min() < 0 or numbers.max() > 1 or sums_off > 1e-3:
        raise ValueError("probabilities must lie from 0 to 1 and add up to 1 in every row.")
    return numbers


def checked_queries(queries: Any, *, rows: int) -> Codes:
    """For each row the position of its query among all queries. ValueError unless there is a string a row, or
    `Coded`."""
    column = queries.codes if isinstance(queries, Coded) else _column(queries, "queries")
    if len(column) != rows:
        raise ValueError(f"queries has {len(column):,} rows and relevance has {rows:,}; they must be equal.")
    if not isinstance(queries, Coded) and column.dtype.kind not in "UT":
        raise ValueError("queries must be strings, the same one for all rows of a query.")
    if isinstance(queries, Coded) and counted(column, len(queries.names)).all():
        return column
    return np.unique(column, return_inverse=True)[1].astype(np.int64)


def checked_numbers(values: Any, *, name: str, rows: int | None = None, beside: str = "actual") -> FloatArray:
    """Numbers as float64, those below 1e-70 as 0; the caller's own where they are that already. ValueError unless
    there is at least one, all are finite, and there are `rows`, as many as `beside` has."""
    column = _column(values, name)
    if len(column) == 0:
        raise ValueError(f"{name} has no rows; give at least one.")
    if rows is not None and len(column) != rows:
        raise ValueError(f"{name} has {len(column):,} rows and {beside} has {rows:,}; they must be equal.")
    if column.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be numbers.")
    numbers = column.astype(np.float64, copy=False)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds missing or infinite values; every row needs a number.")
    if max(numbers.max(), -numbers.min()) > MOST:
        raise ValueError(f"{name} holds numbers beyond 1e+70, whose squares cannot be added up.")
    if any(_too_small(numbers[some]).any() for some in blocks(len(numbers))):
        numbers = np.where(np.abs(numbers) < LEAST, 0.0, numbers)
    return numbers


def _too_small(numbers: FloatArray) -> NDArray[np.bool_]:
    small: NDArray[np.bool_] = (np.abs(numbers) < LEAST) & (numbers != 0)
    return small


def checked_group(values: Any, *, attribute: str, rows: int, most: int) -> tuple[list[str], Codes]:
    """The group names in order, and for each row the position of its group.

    `values` are strings, or `Coded`. ValueError unless there is one for each row and at most `most` different ones.
    """
    column = values if isinstance(values, Coded) else _column(values, f"groups[{attribute!r}]")
    if len(column) != rows:
        raise ValueError(
            f"groups[{attribute!r}] has {len(column):,} rows and labels has {rows:,}; they must be equal."
        )
    names: Any
    codes: Codes
    if isinstance(column, Coded):
        names, codes = column.names, column.codes
    elif column.dtype.kind in "UT" or all(isinstance(value, str) for value in column):
        names, codes = np.unique(column, return_inverse=True)
    else:
        raise ValueError(
            f"groups[{attribute!r}] must be strings; name missing values, for example 'unknown'."
        )
    if len(names) > most:
        raise ValueError(
            f"groups[{attribute!r}] has {len(names):,} different values; at most {most} can be compared. "
            "Put the values into bands first."
        )
    return [str(name) for name in names], codes if isinstance(values, Coded) else codes.astype(np.int64)


def in_order(groups: Mapping[str, Column], order: NDArray[np.integer[Any]], *, most: int) -> dict[str, Coded]:
    """The attributes with their rows in this order, a byte a row. ValueError as in `checked_group`, of which `most`
    may be 256."""
    ordered = {}
    for attribute in sorted(groups):
        names, codes = checked_group(groups[attribute], attribute=attribute, rows=len(order), most=most)
        ordered[attribute] = Coded(tuple(names), taken(codes, order, np.uint8))
    return ordered


def checked_settings(*, threshold: float, seed: int, draws: int) -> None:
    """ValueError unless the threshold lies from 0 to 1, the seed is at least 0 and draws at least 100."""
    if not 0 <= threshold <= 1:  # also refuses NaN
        raise ValueError(f"threshold must lie from 0 to 1, not {threshold}.")
    checked_seed(seed=seed, draws=draws)


def checked_seed(*, seed: int, draws: int) -> None:
    """ValueError unless the seed is at least 0 and draws at least 100."""
    if seed < 0:
        raise ValueError(f"seed must be 0 or a positive whole number, not {seed}.")
    if draws < 100:
        raise ValueError(f"draws must be at least 100 for a 95 % interval, not {draws}.")


def _column(values: Any, name: str) -> np.ndarray[Any, Any]:
    column = np.asarray(values)
    if column.ndim != 1:
        raise ValueError(f"{name} must be one column, not an array of {column.ndim} dimensions.")
    return column
