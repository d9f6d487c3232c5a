"""What the evidence says of groups that are held against all other rows, in one form for every task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from governance.evaluation.measures.estimate import Estimate


class Group(Protocol):
    """Some rows under a name; `sufficient` where they are enough to be judged."""

    @property
    def name(self) -> str:
        """What the group is called."""

    @property
    def n(self) -> int:
        """Rows, or queries of a ranking."""

    @property
    def sufficient(self) -> bool:
        """Enough of them to be judged."""


One = TypeVar("One", bound=Group)


def group_entries(
    attribute: str,
    groups: Iterable[One],
    measures: Callable[[One], Mapping[str, Estimate]],
    worst_first: Callable[[dict[str, Any]], Any],
) -> list[dict[str, Any]]:
    """One entry a group, with its measures."""
    entries: list[dict[str, Any]] = [
        {
            "attribute": attribute,
            "group": group.name,
            "n": group.n,
            "sufficient": group.sufficient,
            "metrics": {name: estimate.as_dict() for name, estimate in measures(group).items()},
        }
        for group in groups
    ]
    return sorted(entries, key=worst_first)


def fairness_entry(
    attribute: str,
    compared: Iterable[tuple[Group, Mapping[str, Estimate]]],
    gaps: Mapping[str, Estimate],
    *,
    p_values: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The entry of one attribute: each group with its measures against all others, in this order, and the largest
    distances between groups. `p_values` are by the group's name; one without any has none."""
    tests = p_values or {}
    return {
        "attribute": attribute,
        "reference": None,
        "groups": [
            {
                "group": group.name,
                "n": group.n,
                "status": "measured" if group.sufficient else "insufficient",
                **{name: estimate.as_dict() for name, estimate in measures.items()},
                **({"p_values": tests[group.name]} if tests.get(group.name) else {}),
            }
            for group, measures in compared
        ],
        **{name: estimate.as_dict() for name, estimate in gaps.items()},
    }
