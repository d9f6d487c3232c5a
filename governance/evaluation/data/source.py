"""A data file as a stream of columns. Parquet and CSV each have their own; the rest of the package knows this only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import ParamSpec, Protocol, TypeVar

import pyarrow as pa

from countersign.jobs.handlers import JobFailed

#: Rows that are read at once. Small, so that a request to cancel is heard between two pieces.
PIECE_ROWS = 16_384
#: The most rows that can be measured here: labels, scores and group codes of all of them are held in memory.
MOST_ROWS = 50_000_000
MOST_COLUMNS = 10_000
#: The most text, in bytes, that one piece of one column may hold.
MOST_TEXT_BYTES = 64 << 20

#: Called with the number of rows read so far, between two pieces; it may raise to stop.
Tick = Callable[[int], None]


class Source(Protocol):
    """A file of columns. `schema` is what every piece has, whatever the blocks of the file are like."""

    rows: int
    schema: pa.Schema

    def pieces(self, columns: Sequence[str], *, start: int = 0) -> Iterator[pa.RecordBatch]:
        """These columns in file order, from the row numbered `start` on, in pieces of any size up to PIECE_ROWS.
        Raises JobFailed (data_unreadable, text_too_long) where the file is damaged."""


def unreadable(data_format: str, why: str) -> JobFailed:
    """The file is damaged, or no such file at all."""
    first = why.splitlines()[0][:300] if why else "it is damaged"
    return JobFailed(
        "data_unreadable",
        f"The dataset's file cannot be read as {data_format}: {first.rstrip('.')}. Register it again.",
    )


_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def damage_told(reading: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """What Arrow raises only where a value is used, as the damage to the file it is. Raises JobFailed
    (data_unreadable). The values stay out of the sentence: they may be about a person."""

    @wraps(reading)
    def told(*given: _Given.args, **named: _Given.kwargs) -> _Result:
        try:
            return reading(*given, **named)
        except (pa.ArrowException, UnicodeDecodeError) as error:
            text = isinstance(error, UnicodeDecodeError) or "UTF8" in str(error)
            why = "some of its text is not UTF-8" if text else "it is damaged"
            raise unreadable(str(named["data_format"]), why) from error

    return told


def too_large(what: str, hint: str) -> JobFailed:
    """The file would take more memory than an evaluation may."""
    return JobFailed("data_too_large", f"The dataset's file {what}. {hint}")


def refuse_sizes(rows: int, columns: int) -> None:
    """Raises JobFailed for more rows or columns than can be measured, or none."""
    if columns > MOST_COLUMNS:
        raise too_large(
            f"has {columns:,} columns, and at most {MOST_COLUMNS:,} can be read",
            "Register it with the columns the model asks for.",
        )
    if rows > MOST_ROWS:
        raise too_large(
            f"has {rows:,} rows, and at most {MOST_ROWS:,} can be measured at once",
            "Register a sample of it.",
        )
    if rows == 0:
        raise JobFailed("no_rows", "The dataset has no rows, so there is nothing to measure.")


def rebatched(pieces: Iterator[pa.RecordBatch], rows: int, *, stop: int) -> Iterator[pa.RecordBatch]:
    """The pieces as batches of exactly `rows` rows, the last one shorter, `stop` rows in all."""
    waiting: list[pa.RecordBatch] = []
    held = given = 0
    for piece in pieces:
        taken = piece.slice(0, min(piece.num_rows, stop - given - held))
        while taken.num_rows and held + taken.num_rows >= rows:
            part = taken.slice(0, rows - held)
            yield _joined([*waiting, part])
            given += rows
            taken, waiting, held = taken.slice(part.num_rows), [], 0
        if taken.num_rows:
            waiting.append(taken)
            held += taken.num_rows
        if given + held >= stop:
            break
    if held:
        yield _joined(waiting)


def _joined(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(pieces) == 1:
        # A slice is copied: what is sent on must not drag along the rest of its piece.
        return pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]
    return pa.concat_batches(pieces)
