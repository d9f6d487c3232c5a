"""How far long work is, and how long it will take at the pace measured so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from countersign.web.formats import duration

if TYPE_CHECKING:
    import pyarrow as pa

#: A page looks every two seconds, so nobody would see more.
TELL_SECONDS = 1.0

Tell = Callable[[float, str], None]


class Pace:
    """Tells `tell` the share of the work between `low` and `high`, and a sentence. The pace is taken from the first
    word that some rows are done, so that starting up does not count. `check` is called every time."""

    def __init__(
        self,
        tell: Tell,
        rows: int | None,
        *,
        low: float,
        high: float,
        check: Callable[[], None] | None = None,
    ) -> None:
        self._tell, self._rows, self._check = tell, rows, check
        self._low, self._high = low, high
        self._told = time.monotonic()
        self._first: tuple[int, float] | None = None

    def reached(self, done: int) -> None:
        """So many rows are done. Whatever `tell` and `check` raise is passed on."""
        if self._check is not None:
            self._check()
        now = time.monotonic()
        if self._first is None:
            self._first = done, now
        if now - self._told < TELL_SECONDS:
            return
        self._told = now
        if not self._rows:
            self._tell(self._low, f"{done:,} rows")
            return
        share = min(done / self._rows, 1.0)
        self._tell(
            self._low + (self._high - self._low) * share,
            f"{done:,} of {self._rows:,} rows{self._left(done, now)}",
        )

    def _left(self, done: int, now: float) -> str:
        first, since = self._first or (0, now)
        if not self._rows or done <= first or now <= since:
            return ""
        return time_left((self._rows - done) * (now - since) / (done - first))

    def over(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches; each counts as done when the next one is asked for."""
        done = 0
        for batch in batches:
            yield batch
            done += batch.num_rows
            self.reached(done)


def time_left(seconds: float) -> str:
    """The end of a sentence that says how long it will take."""
    return f", about {duration(max(round(seconds), 1))} left"
