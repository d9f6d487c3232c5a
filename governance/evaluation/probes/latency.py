"""Latency by row: how long one row handed over alone takes. A circumstance, never part of the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from governance.evaluation.probes.passes import Answer, Found, Pass
from governance.evaluation.probes.subject import Subject

WARM_UP, CALLS = 20, 200


class Latency:
    """Sends single rows: 20 whose time does not count, then 200 whose does."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def passes(self) -> list[Pass]:
        """One pass of single rows."""
        return [Pass("latency", "Row by row", WARM_UP + CALLS, self._single())]

    def _single(self) -> Iterator[pa.RecordBatch]:
        for number in range(WARM_UP + CALLS):
            yield self._subject.features.slice(number % self._subject.rows, 1)

    def found(self, answers: Mapping[str, Answer]) -> Found:
        """Circumstances `row_latency`: the exact 50th and 95th percentile of the calls, in seconds: the smallest
        that so many of them do not exceed."""
        answer = answers["latency"]
        if answer.answered < 1:
            why = "The model did not answer every row handed over alone."
            return Found(not_measured=[{"what": "Latency by row", "why": why}])
        ordered = sorted(answer.latencies[WARM_UP:])
        return Found(
            circumstances={
                "row_latency": {
                    "calls": CALLS,
                    "p50_seconds": round(ordered[-(-CALLS * 50 // 100) - 1], 6),
                    "p95_seconds": round(ordered[-(-CALLS * 95 // 100) - 1], 6),
                }
            }
        )
