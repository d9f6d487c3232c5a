"""What the engine accepts: labels and scores that fit together, or a sentence that says what is wrong."""

from typing import Any

import numpy as np

from governance.evaluation.measures.estimate import FloatArray, IntArray

#: Squares and quotients of larger and smaller numbers leave what float64 can hold.
MOST = 1e70
LEAST = 1e-70


def checked_labels(labels: Any) -> IntArray:
    """Labels as integers. ValueError unless they are a non-empty column of 0 and 1."""
    column = _column(labels, "labels")
    if len(column) == 0:
        raise ValueError("There are no rows to measure; give at least one label and score.")
    if column.dtype.kind not in "biuf":
        raise ValueError("labels must be the numbers 0 and 1; encode the classes first.")
    if not np.isin(column, (0, 1)).all():
        raise ValueError("labels must be 0 or 1 in every row; missing values and other classes are refused.")
    return column.astype(np.int64)


def checked_scores(scores: Any, *, rows: int, name: str = "scores") -> FloatArray:
    """Scores as float64. ValueError unless there is one finite number from 0 to 1 for each row."""
    column = _column(scores, name)
    if len(column) != rows:
        raise ValueError(f"{name} has {len(column):,} rows and labels has {rows:,}; they must be equal.")
    if column.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be numbers from 0 to 1.")
    values = column.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds missing or infinite values; every row needs a score from 0 to 1.")
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"{name} must lie from 0 to 1; give probabilities, not margins or log-odds.")
    return values


def checked_numbers(values: Any, *, name: str, rows: int | None = None) -> FloatArray:
    """Numbers as float64, those below 1e-70 as 0. ValueError unless there is at least one, all are finite, and
    there are `rows`."""
    column = _column(values, name)
    if len(column) == 0:
        raise ValueError(f"{name} has no rows; give at least one.")
    if rows is not None and len(column) != rows:
        raise ValueError(f"{name} has {len(column):,} rows and actual has {rows:,}; they must be equal.")
    if column.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be numbers.")
    numbers = column.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds missing or infinite values; every row needs a number.")
    if np.abs(numbers).max() > MOST:
        raise ValueError(f"{name} holds numbers beyond 1e+70, whose squares cannot be added up.")
    numbers[np.abs(numbers) < LEAST] = 0.0
    return numbers


def checked_group(values: Any, *, attribute: str, rows: int, most: int) -> tuple[list[str], IntArray]:
    """The group names in order, and for each row the position of its group.

    ValueError unless there is one string for each row and at most `most` different ones.
    """
    column = _column(values, f"groups[{attribute!r}]")
    if len(column) != rows:
        raise ValueError(
            f"groups[{attribute!r}] has {len(column):,} rows and labels has {rows:,}; they must be equal."
        )
    if column.dtype.kind not in "UT" and not all(isinstance(value, str) for value in column):
        raise ValueError(
            f"groups[{attribute!r}] must be strings; name missing values, for example 'unknown'."
        )
    names, codes = np.unique(column, return_inverse=True)
    if len(names) > most:
        raise ValueError(
            f"groups[{attribute!r}] has {len(names):,} different values; at most {most} can be compared. "
            "Put the values into bands first."
        )
    return [str(name) for name in names], codes.astype(np.int64)


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
