"""The seam through which every boundary (pages, REST, MLflow, jobs) tells that an actor was refused.

The layer that knows people registers who writes it down; the boundaries stand below it or beside it.
"""

from __future__ import annotations

from typing import Protocol

from countersign.actors import Actor
from countersign.verdicts import Verdict


class Recorder(Protocol):
    """Writes a refused attempt down, in a transaction of its own."""

    def __call__(self, actor: Actor, verdict: Verdict, *, attempted: str) -> None: ...


_recorders: list[Recorder] = []


def register(recorder: Recorder) -> None:
    """Name who writes refused attempts down; the last one registered counts."""
    _recorders[:] = [recorder]


def record(actor: Actor | None, verdict: Verdict, *, attempted: str) -> None:
    """Tell that `actor` was refused what `attempted` names (“POST /api/v1/models”, “job
    governance.evaluate”).

    Call it outside any transaction. An unknown actor is not recorded: anybody could fill the ledger."""
    if actor is not None and _recorders:
        _recorders[0](actor, verdict, attempted=attempted)
