"""Latency by row: how long one row handed over alone takes. A circumstance, never part of the results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import pyarrow as pa

from governance.evaluation.probes.passes import Answer, Found, Pass
from governance.evaluation.probes.subject import Subject

#: Calls ahead whose time does not count, for each one that does.
WARM_UP = 0.1


class Latency:
    """Sends single rows: some whose time does not count, then `calls` whose does."""

    def __init__(self, subject: Subject, calls: int) -> None:
        self._subject = subject
        self._calls = calls
        self._ahead = math.ceil(WARM_UP * calls)

    def passes(self) -> list[Pass]:
        """One pass of single rows."""
        return [Pass("latency", "Row by row", self._ahead + self._calls, self._single())]

    def _single(self) -> Iterator[pa.RecordBatch]:
        for number in range(self._ahead + self._calls):
            yield self._subject.features.slice(number % self._subject.rows, 1)

    def found(self, answers: Mapping[str, Answer]) -> Found:
        """Circumstances `row_latency`: the exact 50th and 95th percentile of the calls, in seconds: the smallest
        that so many of them do not exceed."""
        answer = answers["latency"]
        if answer.answered < 1:
            why = "The model did not answer every row handed over alone."
            return Found(not_measured=[{"what": "Latency by row", "why": why}])
        ordered = sorted(answer.latencies[self._ahead :])
        return Found(
            circumstances={
                "row_latency": {
                    "calls": self._calls,
                    "p50_seconds": round(ordered[-(-self._calls * 50 // 100) - 1], 6),
                    "p95_seconds": round(ordered[-(-self._calls * 95 // 100) - 1], 6),
                }
            }
        )
