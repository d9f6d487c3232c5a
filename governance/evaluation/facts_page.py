"""Rules on facts without an interval, beside the section they judge: the scan, a second run, where the evidence comes
from, and how well the model was confined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.evaluation.yardstick import Yardstick

#: By section of the page: the paths of its facts, and what the fact is called.
SECTIONS = {
    "scan": {"scan.verdict": "Scan of the file"},
    "reproduction": {
        "reproduction.verdict": "A second run in another process",
        "source": "Where the evidence comes from",
        "circumstances.isolation_level": "Isolation level",
    },
}


@dataclass(frozen=True, slots=True)
class FactRow:
    """One rule on one fact: what the evidence says, what it must be, and how that was judged."""

    label: str
    found: str
    demand: str
    state: str


def context(
    results: Mapping[str, Any], circumstances: Mapping[str, Any], yardstick: Yardstick
) -> dict[str, Any]:
    """The rows of each section; none where no rule reads its facts."""
    facts = {**results, "circumstances": {"isolation_level": _level(circumstances)}}
    rows = {
        section: [
            FactRow(labels[demand.path], _word(facts, demand.path), demand.words, judged.state)
            for demand in yardstick.demands
            if demand.path in labels and (judged := yardstick.requirement(demand.rule_id)) is not None
        ]
        for section, labels in SECTIONS.items()
    }
    return {"held": rows}


def _level(circumstances: Mapping[str, Any]) -> str:
    level = (circumstances.get("isolation") or {}).get("level")
    return "" if level is None else str(level)


def _word(facts: Mapping[str, Any], path: str) -> str:
    found: Any = facts
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found.replace("_", " ") if isinstance(found, str) else ""
