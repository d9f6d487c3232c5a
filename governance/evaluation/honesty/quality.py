"""Defects of the data an evaluation rests on, as findings in words; those that make its measures unfit to decide by
block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from governance.evaluation.honesty.hashing import Hashes, HashFile, distinct_in_each, mixed_in, shared, shares
from governance.evaluation.measures.catalogue import MIN_POSITIVES, MIN_ROWS
from governance.evaluation.measures.estimate import Estimate, plain
from registry.versions.tasks import Task

Severity = Literal["blocker", "warning", "note"]
_ORDER: dict[Severity, int] = {"blocker": 0, "warning": 1, "note": 2}

#: Shares of rows from which a finding is more than a note.
MANY_MISSING = 0.2
MANY_TWICE = 0.01
MANY_UNSEEN = 0.05
RARE_CLASS = 0.01

#: Words of a column are compared with those of training as long as there are no more than this many.
MOST_WORDS = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect: a stable code, how bad it is, the column (empty: of all rows), a sentence, how many rows it
    touches."""

    code: str
    severity: Severity
    column: str
    sentence: str
    count: int

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "code": self.code,
            "severity": self.severity,
            "column": self.column,
            "sentence": self.sentence,
            "count": self.count,
        }


class Period(NamedTuple):
    """The first and the last value of the time column, as the file holds them."""

    first: Any
    last: Any


@dataclass(slots=True)
class _Column:
    type: str
    missing: int = 0
    constant: bool = True
    first: Any = None
    words: set[str] | None = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)


class Profile:
    """What the columns of a dataset hold, gathered batch by batch: it keeps no rows."""

    def __init__(self) -> None:
        self.rows = 0
        self.columns: dict[str, _Column] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """Count one batch. All batches have the same columns."""
        self.rows += batch.num_rows
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            column = self.columns.setdefault(name, _Column(_type_name(array.type)))
            _count(column, array)

    def missing_share(self, name: str) -> float:
        """The share of rows without a value in a column."""
        return self.columns[name].missing / self.rows if self.rows else 0.0


def _type_name(kind: pa.DataType) -> str:
    return str(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _count(column: _Column, array: pa.Array) -> None:
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_float16(array.type):  # Arrow compares no half floats
        array = array.cast(pa.float32())
    if array.null_count or pa.types.is_floating(array.type):
        gone = pc.is_null(array, nan_is_null=True)
        missing = int(pc.sum(gone).as_py() or 0)
        column.missing += missing
        present = array.filter(pc.invert(gone)) if missing else array
    else:
        present = array
    if not len(present):
        return
    if column.constant:
        if column.first is None:
            column.first = present[0].as_py()
        # Held against its own first value: to make an Arrow scalar of another would import pandas.
        same = bool(pc.all(pc.equal(present, present[0])).as_py())
        column.constant = same and present[0].as_py() == column.first
    if column.words is None:
        return
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        column.words = None
        return
    for entry in pc.value_counts(present):
        word = entry["values"].as_py()
        column.counts[word] = column.counts.get(word, 0) + entry["counts"].as_py()
    if len(column.counts) > MOST_WORDS:
        column.words, column.counts = None, {}


def data_quality(
    profile: Profile,
    *,
    features: Sequence[str],
    labels: NDArray[Any],
    task: Task,
    content: Hashes | HashFile,
    row_key: str = "",
    groups: Iterable[Mapping[str, Any]] = (),
    training: Profile | None = None,
    period: Period | None = None,
    training_period: Period | None = None,
) -> dict[str, Any]:
    """The findings, worst first, and how many of them block.

    `profile` is of the columns the evaluation reads. `content` is a hash of the features a row, `labels` are 0 and 1,
    positions of classes, or numbers. `groups` are entries as in the results. With `training` words never trained on
    are found, with the periods data older than what was trained on. How old data are is told by `period` and not
    counted in days: evidence must not change with the date. Repeated row keys, other types and gaps in the labels
    are refused before anything is measured.
    """
    findings = [
        *_of_rows(profile.rows, labels, task),
        *_of_key(row_key),
        *_of_columns(profile, features),
        *_of_repetition(content, labels, task, named=bool(row_key)),
        *_of_groups(groups, task),
        *_of_training(profile, training, features),
        *_of_time(period, training_period),
    ]
    findings.sort(key=lambda one: (_ORDER[one.severity], one.code, one.column))
    blockers = sum(one.severity == "blocker" for one in findings)
    result: dict[str, Any] = {
        "blockers": Estimate(float(blockers), None, None, "counted", profile.rows).as_dict(),
        "rows": profile.rows,
        "findings": [one.as_dict() for one in findings],
        "columns": [
            {
                "column": name,
                "type": column.type,
                "missing": profile.missing_share(name),
                "constant": column.constant,
            }
            for name, column in profile.columns.items()
        ],
    }
    if period is not None:
        result["period"] = {"first": str(period.first), "last": str(period.last)}
    rounded: dict[str, Any] = plain(result)
    return rounded


def _of_rows(rows: int, labels: NDArray[Any], task: Task) -> Iterable[Finding]:
    if rows < MIN_ROWS:
        sentence = f"There are {_rows(rows)}; below {MIN_ROWS} the measures swing too far to decide by."
        yield Finding("too_few_rows", "blocker", "", sentence, rows)
    if task is Task.BINARY:
        for label, name in ((1, "positive"), (0, "negative")):
            count = int((labels == label).sum())
            if count < MIN_POSITIVES:
                sentence = f"Only {_rows(count)} {_is(count)} {name}; at least {MIN_POSITIVES} are needed to judge by."
                yield Finding(f"too_few_{name}s", "blocker", "", sentence, count)
            elif count < RARE_CLASS * rows:
                sentence = f"{count / rows:.2%} of the rows are {name}, so accuracy says little of them."
                yield Finding("rare_class", "note", "", sentence, count)
    elif task is Task.MULTICLASS:
        counts = np.bincount(labels.astype(np.int64))
        small = int(((counts > 0) & (counts < MIN_POSITIVES)).sum())
        if small:
            sentence = f"{small} of {int((counts > 0).sum())} classes have fewer than {MIN_POSITIVES} rows."
            yield Finding("small_classes", "warning", "", sentence, small)


def _of_key(row_key: str) -> Iterable[Finding]:
    if not row_key:
        sentence = "The dataset declares no row key, so a row cannot be known again by name."
        yield Finding("no_row_key", "note", "", sentence, 0)


def _of_columns(profile: Profile, features: Sequence[str]) -> Iterable[Finding]:
    for name in features:
        column = profile.columns.get(name)
        if column is None:
            continue
        share = profile.missing_share(name)
        if share == 1:
            yield Finding("empty_column", "blocker", name, "No row has a value.", column.missing)
            continue
        if column.constant and not column.missing:
            sentence = (
                f"Every row holds {str(column.first)[:60]!r}, so nothing shows what the model makes of it."
            )
            yield Finding("constant_column", "warning", name, sentence, profile.rows)
        if column.missing:
            severity: Severity = "warning" if share > MANY_MISSING else "note"
            sentence = f"{_rows(column.missing)} ({share:.1%}) {_has(column.missing)} no value."
            yield Finding("missing_values", severity, name, sentence, column.missing)


def _of_repetition(
    content: Hashes | HashFile, labels: NDArray[Any], task: Task, *, named: bool
) -> Iterable[Finding]:
    """Rows that are said twice, and rows of equal features with different labels. With keys (`named`), which do not
    repeat, they are different things that look alike."""
    rows, classes = len(content), task in (Task.BINARY, Task.MULTICLASS)
    twice = conflicting = 0
    for own, of_own in shares(content, labels):
        if classes:
            different = distinct_in_each(own, of_own)
            different.sort()
            twice_said = different[1:][different[1:] == different[:-1]]
            conflicting += shared(own, twice_said)
        else:  # numbers differ without contradicting each other
            different = np.unique(mixed_in(own, np.asarray(of_own, dtype=np.float64)))
        twice += len(own) - len(different)
    if twice:
        severity: Severity = "warning" if twice > MANY_TWICE * rows and not named else "note"
        verb = "repeats" if twice == 1 else "repeat"
        sentence = f"{_rows(twice)} ({twice / rows:.1%}) {verb} the features and the label of another."
        yield Finding("duplicate_rows", severity, "", sentence, twice)
    if conflicting:
        sentence = (
            f"{_rows(conflicting)} ({conflicting / rows:.1%}) {_has(conflicting)} the features of another row and a "
            "different label, which no model of these features can get right."
        )
        yield Finding("label_conflicts", "note", "", sentence, conflicting)


def _of_groups(groups: Iterable[Mapping[str, Any]], task: Task) -> Iterable[Finding]:
    for group in groups:
        if not group["sufficient"]:
            need = f"{MIN_ROWS} rows" + (f" with {MIN_POSITIVES} positives" if task is Task.BINARY else "")
            sentence = f"“{group['group']}” has {_rows(group['n'])}; a group is judged from {need}."
            yield Finding("small_group", "warning", group["attribute"], sentence, int(group["n"]))


def _of_training(profile: Profile, training: Profile | None, features: Sequence[str]) -> Iterable[Finding]:
    if training is None:
        return
    for name in features:
        ours, theirs = profile.columns.get(name), training.columns.get(name)
        if ours is None or theirs is None or ours.words is None or theirs.words is None or not theirs.counts:
            continue
        unseen = {word: count for word, count in ours.counts.items() if word not in theirs.counts}
        count = sum(unseen.values())
        if count:
            severity: Severity = "warning" if count > MANY_UNSEEN * profile.rows else "note"
            shown = ", ".join(f"“{word[:40]}”" for word in sorted(unseen)[:3]) + (
                " …" if len(unseen) > 3 else ""
            )
            sentence = f"{_rows(count)} {_has(count)} a value the training data lack: {shown}."
            yield Finding("unseen_categories", severity, name, sentence, count)


def _of_time(ours: Period | None, trained: Period | None) -> Iterable[Finding]:
    if ours is None or trained is None or type(ours.first) is not type(trained.last):
        return
    if ours.first <= trained.last:
        sentence = (
            f"These rows begin at {ours.first}, the training data end at {trained.last}: the model may have learnt "
            "from what came later."
        )
        yield Finding("overlaps_training_in_time", "warning", "", sentence, 0)


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
