"""The clause register: what rules may say they serve, as data with validity dates and a source.

Not legal advice. The law moves; what a clause says here is what its source said on the day it was checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from governance.policies.yaml_lines import read

Status = Literal["in_force", "applies_from", "superseded", "draft", "voluntary"]


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of a law, rule or standard. `title` is our wording, not the source's; `status` as of
    `verified_on`; either end of the validity is None where the source does not give it. `read` says whether
    the official text was read or only works about it."""

    id: str
    framework: str
    ref: str
    title: str
    status: Status
    valid_from: date | None
    valid_until: date | None
    source: str
    read: Literal["official text", "secondary sources"]
    verified_on: date

    @property
    def name(self) -> str:
        """How people cite it: “AI Act, Art. 15(1)”."""
        return f"{self.framework}, {self.ref}"


def _day(raw: str | None) -> date | None:
    return date.fromisoformat(raw) if raw else None


def _load() -> dict[str, Clause]:
    value, _ = read((Path(__file__).parent / "clauses.yaml").read_text(encoding="utf-8"))
    verified: str = value["verified_on"]
    clauses: dict[str, Clause] = {}
    for source in value["sources"]:
        for raw in source["clauses"]:
            row: dict[str, Any] = {key: source[key] for key in ("framework", "source", "read", "status")}
            row |= {"valid_from": source.get("valid_from"), "valid_until": source.get("valid_until")}
            row |= raw
            row |= {key: _day(row[key]) for key in ("valid_from", "valid_until")}
            clauses[row["id"]] = Clause(verified_on=date.fromisoformat(verified), **row)
    return clauses


CLAUSES = MappingProxyType(_load())
