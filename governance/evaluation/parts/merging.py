"""Putting the parts of an evaluation together: the outcome one process would have given for all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from countersign.blobs.store import open_blob
from countersign.jobs.handlers import JobFailed
from governance.evaluation.models import EvaluationPart

if TYPE_CHECKING:
    from governance.evaluation.sandbox import Limits, Outcome

#: What the parts' circumstances must agree in: scores of other libraries, or another sandbox, are another result.
_SAME = ("libraries", "limits")


def merged(parts: Sequence[EvaluationPart], limits: Limits) -> Outcome:
    """The scores of all rows in the data's order. Raises JobFailed (parts_differ) where the parts' workers or answers
    do not belong together, too_many_predictions beyond what is kept."""
    import numpy as np

    from governance.evaluation.sandbox import Outcome

    answers = [_answer(part) for part in parts]
    first = answers[0]
    if any((one["classes"], one["columns"]) != (first["classes"], first["columns"]) for one in answers):
        raise JobFailed(
            "parts_differ",
            "The model named other classes for one part of the data than for another, so its scores cannot be put "
            "together. Make sure that it answers the same whichever rows it is asked.",
        )
    _refuse_other_workers(answers)
    rows, columns = parts[-1].stop, int(first["columns"])
    if rows * columns * 8 > limits.score_bytes:
        raise JobFailed(
            "too_many_predictions",
            f"The model gives {columns} numbers for each of {rows} rows, more than the "
            f"{limits.score_bytes / (1 << 30):.3g} GB that are kept. Evaluate it on fewer rows.",
        )
    scores = np.empty((rows, columns), dtype="<f8")
    for part in parts:
        assert part.scores is not None  # noqa: S101  is_ready
        with open_blob(part.scores) as file:
            values = np.frombuffer(file.read(), dtype="<f8")
        scores[part.start : part.stop] = values.reshape(part.stop - part.start, columns)
    latencies = tuple(latency for one in answers for latency in one["latencies"])
    return Outcome(scores, tuple(first["classes"]), _circumstances(answers, parts, latencies), latencies)


def _answer(part: EvaluationPart) -> dict[str, Any]:
    return part.answer or {}


def _refuse_other_workers(answers: Sequence[dict[str, Any]]) -> None:
    first = answers[0]
    for one in answers:
        for name in _SAME:
            here, there = first["circumstances"][name], one["circumstances"][name]
            if here != there:
                raise JobFailed(
                    "parts_differ",
                    f"The workers on {first['host']} and {one['host']} differ in their {name}, so their scores are not "
                    "one result. Give all workers of the evaluation queue the same release and settings.",
                )


def _circumstances(
    answers: Sequence[dict[str, Any]], parts: Sequence[EvaluationPart], latencies: Sequence[float]
) -> dict[str, Any]:
    from governance.evaluation.sandbox import latency_of
    from governance.evaluation.sandbox.attempts import together

    every = [one["circumstances"] for one in answers]
    weakest = min(every, key=lambda one: one["isolation"]["level"])
    rows = parts[-1].stop
    return {
        **weakest,
        "started_at": min(one["started_at"] for one in answers),
        "import_seconds": max(one["import_seconds"] for one in every),
        "load_seconds": max(one["load_seconds"] for one in every),
        "wall_seconds": round(sum(one["wall_seconds"] for one in every), 4),
        "cpu_seconds": round(sum(one["cpu_seconds"] for one in every), 4),
        "peak_rss_bytes": max(one["peak_rss_bytes"] for one in every),
        "latency": latency_of(latencies, rows),
        "log": next((one["log"] for one in every if one["log"]), ""),
        "log_bytes": sum(one["log_bytes"] for one in every),
        "strays": sum(one["strays"] for one in every),
        "attempts": together(one["attempts"] for one in every),
        "parts": [
            {"rows": part.stop - part.start, "host": one["host"], "seconds": one["seconds"]}
            for part, one in zip(parts, answers, strict=True)
        ],
    }
