"""The state of the ledger, in the foot of every page.

The web library stands below the ledger's pages and knows none of its tables: whoever knows the state
registers a function, and without one the foot says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class LedgerState:
    """One sentence and where it leads. `digest` is the checkpoint's root, drawn whole when `verified`; `failed`
    is said aloud."""

    text: str
    url: str | None = None
    digest: str | None = None
    verified: bool = True
    failed: bool = False


Source = Callable[[HttpRequest], LedgerState | None]
_sources: list[Source] = []


def register(source: Source) -> None:
    """Name the function that tells the state of the ledger; the last one registered counts."""
    _sources[:] = [source]


def ledger_state(request: HttpRequest) -> LedgerState | None:
    """The state to print, or None."""
    return _sources[0](request) if _sources else None
