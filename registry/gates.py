"""The seam governance plugs into: gates are a typed registry, asked before anything a policy may forbid.

A gate answers with a Verdict; several gates for one act combine so that a refusal lists every reason.
Required gates are named in settings (REQUIRED_GATES) and a system check stops the start when one is missing:
taking governance away cannot open the door.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from django.conf import settings
from django.core.checks import Error, register

from countersign.actors import Actor
from countersign.verdicts import Verdict
from registry.versions.models import ModelVersion, RegisteredModel


class Act(StrEnum):
    """What is about to happen, by whatever road."""

    SET_ALIAS = "set_alias"
    DELETE_ALIAS = "delete_alias"
    RENAME_MODEL = "rename_model"
    ARCHIVE_MODEL = "archive_model"
    ARCHIVE_VERSION = "archive_version"


@dataclass(frozen=True, slots=True)
class Question:
    """What a gate is asked. `alias` is the name as given; gates fold it themselves. `pass_for` is the id of
    the promotion that carries the act out: only governance's own promotion action sets it."""

    act: Act
    model: RegisteredModel
    version: ModelVersion | None = None
    alias: str | None = None
    pass_for: Any = field(default=None)


class Gate(Protocol):
    """A check that answers allow or refuse, with every reason. Called inside the transaction, after the
    locks."""

    code: str

    def check(self, question: Question, actor: Actor) -> Verdict: ...


_gates: dict[str, Gate] = {}


def register_gate(gate: Gate) -> None:
    """Add a gate at start-up. Raises ValueError on a second one of the same code."""
    if gate.code in _gates:
        raise ValueError(f"gate {gate.code} is registered twice")
    _gates[gate.code] = gate


def check(question: Question, actor: Actor) -> Verdict:
    """The combined verdict of every gate."""
    return Verdict.all_of(gate.check(question, actor) for gate in _gates.values())


_protections: list[Callable[[], frozenset[str]]] = []


def register_protection(names: Callable[[], frozenset[str]]) -> None:
    """Say which alias names are protected, folded: pages draw them with a lock. The gate decides, not this."""
    _protections[:] = [names]


def protected_names() -> frozenset[str]:
    """The folded names of aliases that move only by promotion."""
    return frozenset().union(*(names() for names in _protections))


@register()
def required_gates(app_configs: Any, **_: Any) -> list[Error]:
    """System check: every gate named in settings is registered."""
    return [
        Error(
            f"The gate {code} is required by REQUIRED_GATES but not registered.",
            hint="Is governance in INSTALLED_APPS? Nothing may run without its gates.",
            id="registry.E001",
        )
        for code in settings.REQUIRED_GATES
        if code not in _gates
    ]
