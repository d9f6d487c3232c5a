"""System checks: what upper layers registered with the ledger fits together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error

from countersign.ledger import reactions, verbs
from countersign.ledger.models import Recorded


def recorded_models() -> Iterator[type[Recorded]]:
    """Every concrete model entries may be about."""
    for model in apps.get_models():
        if issubclass(model, Recorded):
            yield model


def check_recorded(**_: Any) -> list[CheckMessage]:
    """Every Recorded model names its kind, and no two the same."""
    problems: list[CheckMessage] = []
    seen: dict[str, type[Recorded]] = {}
    for model in recorded_models():
        name = getattr(model, "ledger_type", "")
        if not name:
            problems.append(Error("set ledger_type", obj=model, id="ledger.E001"))
        elif name in seen:
            problems.append(
                Error(f"ledger_type “{name}” is also {seen[name].__name__}'s", obj=model, id="ledger.E002")
            )
        seen[name] = model
    return problems


def check_subscriptions(**_: Any) -> list[CheckMessage]:
    """Nobody waits for a verb that does not exist."""
    return [
        Error(f"a reaction is subscribed to “{name}”, which is no registered verb", id="ledger.E003")
        for name in reactions.subscribed()
        if verbs.known(name) is None
    ]
