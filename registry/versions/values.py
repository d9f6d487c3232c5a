"""What a version is registered with: values, checked once, wherever they came from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from countersign.blobs.models import Blob
from countersign.blobs.store import Incoming, sha256_of_text
from countersign.errors import Invalid
from registry.datasets.models import DatasetVersion
from registry.names import checked_text
from registry.versions.tasks import Task

SIGNATURE_BYTES_LIMIT = 512 * 1024
LIBRARIES_LIMIT = 200
TAGS_LIMIT = 100
COST_LIMIT = 10**12


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file of the version: its path as the client wrote it, and its bytes: a row, or received and not kept
    yet."""

    path: str
    blob: Blob | Incoming


@dataclass(frozen=True, slots=True)
class DeclaredFile:
    """A file the client announced. What arrives must be exactly that."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class InputClaim:
    """A dataset version the model learned from. With `sha256`, the digest the job computed of what it read:
    it must be the dataset version's, and the claim is then verified by digest."""

    dataset_version: DatasetVersion
    context: str = "training"
    sha256: str | None = None


def declared_files(raw: Any) -> list[DeclaredFile]:
    """Announced files from JSON: [{"path", "size", "sha256"}]. Raises Invalid."""
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise _wrong("files", "Give a list of objects with path, size and sha256.")
    files = []
    for one in raw:
        if not isinstance(one, Mapping) or set(one) != {"path", "size", "sha256"}:
            raise _wrong("files", "Each file is an object with path, size and sha256.")
        size = one["size"]
        if type(size) is not int or not 0 <= size < 2**53:
            raise _wrong("files", "size is a number of bytes.")
        files.append(DeclaredFile(str(one["path"]), size, sha256_of_text(str(one["sha256"]))))
    return files


def checked_signature(raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """The signature in its one form: {"features": [{"name", "type"}], "target", "positive_label",
    "threshold"}; of another task than binary classification also {"task"}, of a regression {"tolerance"} too, and of
    a binary classifier whose errors have a price {"costs": {"false_positive", "false_negative"}}.

    Labels are text; `threshold` is a number from 0 to 1 or null, at or above which a score is a positive;
    `tolerance` is a number above 0 or null, the largest error that is close enough, in the target's unit; costs are
    numbers of at least 0, in one unit. Raises Invalid. An empty signature is {}: such a version cannot be
    evaluated."""
    if not raw:
        return {}
    known = {"features", "target", "positive_label", "threshold", "task", "tolerance", "costs"}
    if not isinstance(raw, Mapping) or (unknown := sorted(set(map(str, raw)) - known)):
        named = f"unknown field {unknown[0][:80]}. " if isinstance(raw, Mapping) else ""
        raise _wrong(
            "signature",
            f"{named}It is an object with features, target, task, positive_label, threshold and costs, or tolerance.",
        )
    features = _features(raw.get("features"))
    target = checked_text(raw.get("target") or "", field="signature.target", limit=200, lines=False)
    if target and any(feature["name"] == target for feature in features):
        raise _wrong(
            "signature", f"The target “{target}” is also a feature: the model would be told the answer."
        )
    label = raw.get("positive_label", "")
    if isinstance(label, bool) or not isinstance(label, str | int):
        raise _wrong("signature", "positive_label is text or a whole number.")
    signature = {
        "features": features,
        "target": target,
        "positive_label": checked_text(str(label), field="signature.positive_label", limit=200, lines=False),
        "threshold": _threshold(raw.get("threshold")),
    }
    signature |= _of_task(raw, signature)
    if len(orjson.dumps(signature)) > SIGNATURE_BYTES_LIMIT:
        raise _wrong("signature", f"It is longer than {SIGNATURE_BYTES_LIMIT:,} bytes.")
    return signature


def _of_task(raw: Mapping[str, Any], signature: Mapping[str, Any]) -> dict[str, Any]:
    """What only the signature of one task holds; nothing for a binary classifier's without costs, which so keeps the
    digest it always had."""
    named = raw.get("task")
    if named is not None and named not in tuple(Task):
        raise _wrong("signature", f"task is one of: {', '.join(Task)}.")
    task = Task(named or Task.BINARY)
    tolerance, costs = raw.get("tolerance"), raw.get("costs")
    if tolerance is not None and task is not Task.REGRESSION:
        raise _wrong("signature", "tolerance is for a model that predicts a number; add task: regression.")
    if costs is not None and task is not Task.BINARY:
        raise _wrong(
            "signature", "costs are for a binary classifier, whose errors are of two kinds. Leave them out."
        )
    if task is Task.BINARY:
        return {} if costs is None else {"costs": _costs(costs)}
    if signature["positive_label"] or signature["threshold"] is not None:
        raise _wrong(
            "signature", f"{_A_MODEL[task]} has neither positive_label nor threshold. Leave them out."
        )
    if not signature["target"]:
        raise _wrong("signature", f"{_A_MODEL[task]} names its target, {_TARGET[task]}.")
    if task is Task.REGRESSION:
        return {"task": task.value, "tolerance": _tolerance(tolerance)}
    return {"task": task.value}


_A_MODEL = {
    Task.MULTICLASS: "A multi-class model",
    Task.REGRESSION: "A regression",
    Task.RANKING: "A ranking",
}
_TARGET = {
    Task.MULTICLASS: "the column that holds the class",
    Task.REGRESSION: "the column it predicts",
    Task.RANKING: "the column that says how relevant a row is to its query",
}


def _tolerance(raw: Any) -> float | None:
    if raw is None:
        return None
    if not _is_number(raw) or raw <= 0:
        raise _wrong("signature", "tolerance is a number above 0, in the target's unit.")
    return float(raw)


def _costs(raw: Any) -> dict[str, float]:
    """What each kind of error costs; at least one of them something."""
    kinds = ("false_positive", "false_negative")
    if not isinstance(raw, Mapping) or set(raw) != set(kinds):
        raise _wrong("signature", "costs is an object with false_positive and false_negative.")
    if not all(_is_number(raw[kind]) and 0 <= raw[kind] <= COST_LIMIT for kind in kinds) or not any(
        raw.values()
    ):
        raise _wrong("signature", f"costs are numbers from 0 to {COST_LIMIT:,}, in one unit, and not both 0.")
    return {kind: float(raw[kind]) for kind in kinds}


def _is_number(raw: Any) -> bool:
    return not isinstance(raw, bool) and isinstance(raw, int | float) and math.isfinite(raw)


def _features(raw: Any) -> list[dict[str, str]]:
    if not isinstance(raw, Sequence) or isinstance(raw, str) or not raw:
        raise _wrong("signature", "features is a list of objects with name and type, in the model's order.")
    features = []
    for one in raw:
        if not isinstance(one, Mapping) or set(one) != {"name", "type"}:
            raise _wrong("signature", "Each feature is an object with name and type.")
        name = checked_text(one["name"], field="signature.features", limit=200, lines=False)
        if not name or name != one["name"]:
            raise _wrong(
                "signature", "A feature's name is text without spaces around it, in composed form (NFC)."
            )
        features.append(
            {
                "name": name,
                "type": checked_text(one["type"], field="signature.features", limit=100, lines=False),
            }
        )
    if len({feature["name"] for feature in features}) != len(features):
        raise _wrong("signature", "Two features have the same name.")
    return features


def _threshold(raw: Any) -> float | None:
    if raw is None:
        return None
    if not _is_number(raw) or not 0 <= raw <= 1:
        raise _wrong("signature", "threshold is a number from 0 to 1.")
    return float(raw)


def checked_libraries(raw: Mapping[str, Any] | None) -> dict[str, str]:
    """Libraries the model was built with, as the uploader says: {"scikit-learn": "1.9.1"}. Raises Invalid."""
    if not raw:
        return {}
    if not isinstance(raw, Mapping) or len(raw) > LIBRARIES_LIMIT:
        raise _wrong("libraries", f"Give an object of at most {LIBRARIES_LIMIT} names with their versions.")
    return {
        checked_text(name, field="libraries", limit=100, lines=False): checked_text(
            version, field="libraries", limit=100, lines=False
        )
        for name, version in raw.items()
    }


def checked_tags(raw: Mapping[str, Any] | None) -> dict[str, str]:
    """Tags from JSON: {"key": "value"}. Raises Invalid."""
    if not raw:
        return {}
    if not isinstance(raw, Mapping) or len(raw) > TAGS_LIMIT:
        raise _wrong("tags", f"Give an object of at most {TAGS_LIMIT} keys with their values.")
    return {checked_tag_key(key): checked_tag_value(value) for key, value in raw.items()}


def checked_tag_key(raw: object) -> str:
    """The key of a tag. Raises Invalid."""
    key = checked_text(raw, field="key", limit=250, lines=False)
    if not key:
        raise _wrong("key", "A tag needs a key.")
    return key


def checked_tag_value(raw: object) -> str:
    """The value of a tag. Raises Invalid."""
    return checked_text(raw, field="value", limit=5_000)


def _wrong(field: str, sentence: str) -> Invalid:
    return Invalid(f"{field}: {sentence}", fields={field: [sentence]})
