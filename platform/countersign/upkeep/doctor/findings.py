"""A finding, and how findings are told."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How something stands. The order is that of the exit status: 0, 1, 2."""

    OK = "ok"
    WEAK = "weak"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `why` it matters and what to `do` are empty when all is well."""

    name: str
    state: State
    seen: str
    why: str = ""
    do: str = ""


def ok(name: str, seen: str) -> Finding:
    """All is well."""
    return Finding(name, State.OK, seen)


def weak(name: str, seen: str, *, why: str, do: str) -> Finding:
    """It works, with less protection than it could have."""
    return Finding(name, State.WEAK, seen, why, do)


def missing(name: str, seen: str, *, why: str, do: str) -> Finding:
    """Something needed is not there: part of the platform does not work, or loses what it was told."""
    return Finding(name, State.MISSING, seen, why, do)


def exit_status(findings: Iterable[Finding]) -> int:
    """0 when all is well, 1 when something is weak, 2 when something is missing."""
    return max((list(State).index(finding.state) for finding in findings), default=0)


def lines(findings: Sequence[Finding], *, width: int = 110) -> Iterator[str]:
    """The findings for a person, what needs a hand first, with a count at the end."""
    indent = " " * 10
    for finding in sorted(findings, key=lambda one: list(State).index(one.state), reverse=True):
        yield f"{finding.state:<8}  {finding.name}: {finding.seen}"
        for label, text in (("Why", finding.why), ("Do", finding.do)):
            if text:
                yield textwrap.fill(
                    f"{label}: {text}", width, initial_indent=indent, subsequent_indent=f"{indent}    "
                )
    counts = {state: sum(finding.state is state for finding in findings) for state in State}
    yield f"{counts[State.MISSING]} missing, {counts[State.WEAK]} weak, {counts[State.OK]} ok"
