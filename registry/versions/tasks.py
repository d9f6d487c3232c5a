"""What a model predicts: one of two classes, or a number. The signature declares it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Task(StrEnum):
    """The tasks that can be evaluated."""

    BINARY = "binary"
    REGRESSION = "regression"

    @property
    def words(self) -> str:
        """The task inside a sentence."""
        return "binary classification" if self is Task.BINARY else "regression"


def task_of(signature: Mapping[str, Any]) -> Task:
    """The task a checked signature declares. One that declares none is a binary classifier's, as every
    signature was before there was a second task."""
    return Task(signature.get("task", Task.BINARY))
