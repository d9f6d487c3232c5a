"""What a run recorded, as it is checked, stored and sealed. Outside the one rule: append-only, no entry for
each value; the digest of all of it is in the entry that ends the run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import F
from django.db.models.functions import Collate

from countersign import clock
from countersign.canonical import canonical
from countersign.errors import Invalid
from registry.datasets.models import DatasetVersion
from registry.names import checked_text
from registry.runs.models import Run, RunInput, RunMetric, RunParameter

KEY_LIMIT = 250
VALUE_LIMIT = 6_000
BATCH_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One value of a metric. `recorded_at` None: now."""

    key: str
    value: float
    step: int = 0
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReadDataset:
    """A dataset version the run read, and what for."""

    dataset_version: DatasetVersion
    context: str = "training"


def checked_key(raw: object) -> str:
    """The key of a parameter or metric. Raises Invalid."""
    key = checked_text(raw, field="key", limit=KEY_LIMIT, lines=False)
    if not key:
        raise Invalid("A parameter or metric needs a key.", fields={"key": ["It is empty."]})
    return key


def checked_context(raw: object) -> str:
    """What data was read for: one word such as training or validation. Raises Invalid."""
    context = checked_text(raw, field="context", limit=40, lines=False)
    if not context:
        raise Invalid(
            "Say what the data was read for, such as training.", fields={"context": ["It is empty."]}
        )
    return context


def parameters_of(raw: Mapping[str, object]) -> dict[str, str]:
    """Parameters as text. Numbers and booleans are written as Python writes them. Raises Invalid."""
    if not isinstance(raw, Mapping) or len(raw) > BATCH_LIMIT:
        raise _batch("parameters")
    return {
        checked_key(key): checked_text(
            value if isinstance(value, str) else str(value), field="parameters", limit=VALUE_LIMIT
        )
        for key, value in raw.items()
    }


def metrics_of(raw: Mapping[str, object] | Sequence[Mapping[str, Any]]) -> list[MetricValue]:
    """Metrics from JSON: {"key": number}, or [{"key", "value", "step"?, "recorded_at"?}]. Raises Invalid."""
    listed = [{"key": key, "value": value} for key, value in raw.items()] if isinstance(raw, Mapping) else raw
    if not isinstance(listed, Sequence) or isinstance(listed, str) or len(listed) > BATCH_LIMIT:
        raise _batch("metrics")
    return [_metric(one) for one in listed]


def _metric(raw: Any) -> MetricValue:
    if not isinstance(raw, Mapping) or not {"key", "value"} <= set(raw) <= {
        "key",
        "value",
        "step",
        "recorded_at",
    }:
        raise Invalid("A metric is an object with key, value and, if wanted, step and recorded_at.")
    value, step, at = raw["value"], raw.get("step", 0), raw.get("recorded_at")
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        value = float(value)  # JSON has no numbers for them
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(
            "A metric's value is a number, NaN, Infinity or -Infinity.", fields={"metrics": ["Not a number."]}
        )
    if type(step) is not int or not -(2**53) < step < 2**53:
        raise Invalid("A metric's step is a whole number.", fields={"metrics": ["step is no whole number."]})
    try:
        moment = None if at is None else datetime.fromisoformat(at)
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise Invalid("recorded_at is an instant such as 2026-03-03T14:00:00Z.") from None
    if moment is not None and moment.tzinfo is None:
        raise Invalid("recorded_at needs its offset from UTC, such as Z.")
    return MetricValue(checked_key(raw["key"]), number, step, moment.astimezone(UTC) if moment else None)


def _batch(field: str) -> Invalid:
    sentence = f"At most {BATCH_LIMIT:,} {field} at once, in the documented shape."
    return Invalid(sentence, fields={field: [sentence]})


def telemetry_digest(run: Run) -> str:
    """SHA-256 (hex) of the canonical bytes of {"inputs", "metrics", "parameters"}, read in constant memory.

    Sorted by key (and step, time, order of arrival), byte by byte; floats as `repr` writes them."""
    digest = hashlib.sha256()
    by_key = Collate(F("key"), "C")
    inputs = RunInput.objects.filter(run=run).order_by("dataset_version_id", Collate(F("context"), "C"))
    metrics = RunMetric.objects.filter(run=run).order_by(by_key, "step", "recorded_at", "pk")
    parameters = RunParameter.objects.filter(run=run).order_by(by_key)
    parts: dict[str, Iterator[Any]] = {
        "inputs": (
            {"context": one.context, "dataset_version": str(one.dataset_version_id)}
            for one in inputs.iterator(chunk_size=2_000)
        ),
        "metrics": (
            {
                "key": one.key,
                "recorded_at": clock.stamp(one.recorded_at),
                "step": one.step,
                "value": repr(one.value),
            }
            for one in metrics.iterator(chunk_size=2_000)
        ),
        "parameters": ({"key": one.key, "value": one.value} for one in parameters.iterator(chunk_size=2_000)),
    }
    digest.update(b"{")
    for position, (name, rows) in enumerate(sorted(parts.items())):
        digest.update((b"," if position else b"") + canonical(name) + b":[")
        for number, row in enumerate(rows):
            digest.update((b"," if number else b"") + canonical(row))
        digest.update(b"]")
    digest.update(b"}")
    return digest.hexdigest()
