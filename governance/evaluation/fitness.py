"""Which data a task can be measured on, told from what the dataset version declares, before any file is read."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from registry.datasets.models import DatasetVersion
from registry.versions.tasks import Task

#: How the names of types begin that hold numbers, as they are recorded when a file is registered.
NUMERIC = ("int", "uint", "float", "double", "halffloat", "decimal")


def why_unfit(data: DatasetVersion, task: Task) -> str:
    """Why these data cannot be used for this task, as a sentence; empty where they can."""
    if task is Task.BINARY:
        if data.target and data.positive_label:
            return ""
        hint = ""
        if data.target:
            hint = (
                " If the model predicts a number, upload it with task: regression in its signature; if one of "
                "several classes, with task: multiclass."
            )
        return f"{data} names no target and positive label; register it with both.{hint}"
    if not data.target:
        return f"{data} names no target; register it with the column that holds {_HOLDS[task]}."
    if data.positive_label:
        return (
            f"{data} names the positive label “{data.positive_label}”, so “{data.target}” holds two classes there. "
            f"A {task.words} needs data without one."
        )
    if task is Task.RANKING and not data.query_column:
        return (
            f"{data} names no query column, so nothing says which rows are ranked against each other; register it "
            "with one."
        )
    kind = next((column["type"] for column in data.columns if column["name"] == data.target), "")
    if task is not Task.MULTICLASS and kind and not kind.startswith(NUMERIC):
        return f"“{data.target}” of {data} holds {kind}; a {task.words} needs a number there."
    return ""


_HOLDS = {
    Task.MULTICLASS: "the class",
    Task.REGRESSION: "what happened",
    Task.RANKING: "how relevant a row is to its query",
}


def fit_for(found: QuerySet[DatasetVersion], task: Task) -> QuerySet[DatasetVersion]:
    """Those that declare what the task needs. What a target's type forbids is left for `why_unfit`."""
    labelled = ~Q(positive_label="") if task is Task.BINARY else Q(positive_label="")
    asked = ~Q(query_column="") if task is Task.RANKING else Q()
    return found.filter(~Q(target="") & labelled & asked)
