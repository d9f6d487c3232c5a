"""What a model predicts: a class, a number, or an order. The signature declares it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Task(StrEnum):
    """The tasks that can be evaluated: one of two classes, one of several, a number, and an order of the rows
    that answer one query."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    RANKING = "ranking"

    @property
    def words(self) -> str:
        """The task inside a sentence."""
        return _WORDS[self]


_WORDS = {
    Task.BINARY: "binary classification",
    Task.MULTICLASS: "multi-class classification",
    Task.REGRESSION: "regression",
    Task.RANKING: "ranking",
}


def task_of(signature: Mapping[str, Any]) -> Task:
    """The task a checked signature declares. One that declares none is a binary classifier's, as every
    signature was before there was a second task."""
    return Task(signature.get("task", Task.BINARY))
