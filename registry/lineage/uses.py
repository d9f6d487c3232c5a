"""What came of a version, told by the layers above: evaluations, reviews, where it is live. The registry knows
none of them; each registers what it has to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from registry.versions.models import ModelVersion

Stage = Literal["evidence", "decision"]


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that came of a version. `stage` is the column it is drawn in; `claim` says how sure the edge is
    (verified by digest, observed, declared); `data` names what else it stands on, with its page."""

    kind: str
    name: str
    link: str | None
    note: str
    claim: str
    stage: Stage
    data: tuple[str, str | None, str] | None = None


Source = Callable[[ModelVersion], Iterable[Use]]
_sources: dict[str, Source] = {}


def register(name: str, source: Source) -> None:
    """Have a kind of use told; the same name registered again replaces the first."""
    _sources[name] = source


LISTED = 100
"""Of each kind of use that are told."""


def uses_of(version: ModelVersion) -> list[Use]:
    """What the layers above tell of the version, at most LISTED of each kind, newest first."""
    return [use for source in _sources.values() for use in islice(source(version), LISTED)]
