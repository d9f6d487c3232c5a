"""What a thread hangs on: a measure, a requirement, a group, a section of the card or a file of the version.

An anchor is validated against the subject of the review when the thread begins, and keeps what it said then: the
number with its interval, the state, the revision. When the subject moves on the thread stays what it was about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from django.utils.safestring import SafeString

from countersign.canonical import canonical
from countersign.errors import Invalid
from countersign.web import formats
from countersign.web.charts import interval
from governance.cards.sections import SECTIONS
from governance.evaluation.measures.catalogue import AGAINST_EACH, FAIRNESS, METRICS, Measure
from governance.evaluation.writing import span, written
from governance.policies.requirements import RequirementResult, exact_text
from governance.reviews.queries import Standing
from registry.versions.models import ManifestFile

KEY_LIMIT = 700
WIDTH = 160


class AnchorKind(StrEnum):
    """What a thread may hang on; the first word of its key."""

    MEASURE = "measure"
    REQUIREMENT = "requirement"
    GROUP = "group"
    SECTION = "section"
    FILE = "file"


STATE_WORDS = {
    "met": "met",
    "not_met": "not met",
    "insufficient": "insufficient data",
    "not_measured": "not measured",
    "waived": "waived",
    "not_applicable": "not applicable",
}


@dataclass(frozen=True, slots=True)
class Anchor:
    """One thing of the subject. `key` names it in URLs and by API ("measure:roc_auc", "group:sex=female",
    "file:model.skops"); `said` is what it says, as pages write it; `estimate` the number behind that with exact
    decimals as text; `source` what it was read from, and `digest` tells whether that still says the same."""

    key: str
    title: str
    said: str
    source: str
    digest: str
    estimate: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind, the first word of the key."""
        return self.key.partition(":")[0]

    def document(self) -> dict[str, Any]:
        """The anchor as a thread and its ledger entry keep it."""
        return {
            "kind": self.kind,
            "title": self.title,
            "said": self.said,
            "source": self.source,
            "digest": f"sha256:{self.digest}",
            "estimate": dict(self.estimate),
        }


def anchor_of(standing: Standing, key: str) -> Anchor:
    """The anchor of this key on the present subject. Raises Invalid where the subject has no such thing."""
    found = find_anchor(standing, key)
    if found is None:
        raise Invalid(
            "Nothing was saved.",
            fields={
                "anchor": [
                    f"What is reviewed has no “{key[:80]}”. A thread hangs on measure:NAME, requirement:ID, "
                    "group:ATTRIBUTE=GROUP, section:ID or file:PATH."
                ]
            },
            code="anchor_unknown",
        )
    return found


def find_anchor(standing: Standing, key: str) -> Anchor | None:
    """The anchor of this key, or None."""
    kind, _, name = key.partition(":")
    if not name or len(key) > KEY_LIMIT or "\0" in key:
        return None
    match kind:
        case AnchorKind.MEASURE:
            return next((one for one in measures(standing) if one.key == key), None)
        case AnchorKind.GROUP:
            return next((one for one in groups(standing) if one.key == key), None)
        case AnchorKind.REQUIREMENT:
            found = (one for one in standing.requirements if one.rule_id == name)
            return next((requirement(one) for one in found), None)
        case AnchorKind.SECTION:
            return next((one for one in sections(standing) if one.key == key), None)
        case AnchorKind.FILE:
            return _file(standing, name)
    return None


def measures(standing: Standing) -> Iterator[Anchor]:
    """Every measure of the evidence, in its order; none without evidence."""
    evidence = standing.evidence
    for name, estimate in _results(standing).get("metrics", {}).items():
        measure = METRICS[name]
        yield Anchor(
            key=f"{AnchorKind.MEASURE}:{name}",
            title=measure.label,
            said=_said(measure, estimate),
            source=f"evaluation {evidence.number}" if evidence else "",
            digest=evidence.results_digest if evidence else "",
            estimate=_exact(estimate),
        )


def groups(standing: Standing) -> Iterator[Anchor]:
    """Every group of the evidence with its measures and how it compares, in the order of the evidence."""
    evidence = standing.evidence
    if evidence is None:
        return
    results = _results(standing)
    ratios = {
        (entry["attribute"], group["group"]): (name, group[name])
        for entry in results.get("fairness", [])
        for group in entry["groups"]
        for name in AGAINST_EACH & group.keys()
        if group["status"] != "reference"
    }
    measured = {
        (one["attribute"], one["group"]): (one["n"], one["metrics"]) for one in results.get("groups", [])
    }
    for attribute, group in [*measured, *(place for place in ratios if place not in measured)]:
        n, metrics = measured.get((attribute, group), (None, {}))
        first = "roc_auc" if "roc_auc" in metrics else next(iter(metrics), None)
        parts = []
        if first is not None:
            parts.append(f"{METRICS[first].label} {_said(METRICS[first], metrics[first])}")
        compared, ratio = ratios.get((attribute, group), ("", {}))
        if ratio.get("value") is not None:
            parts.append(f"{FAIRNESS[compared].label.lower()} {_said(FAIRNESS[compared], ratio)}")
        if n is not None:
            parts.append(formats.plural(n, "row"))
        yield Anchor(
            key=f"{AnchorKind.GROUP}:{attribute}={group}",
            title=f"{attribute.replace('_', ' ').capitalize()}: {group}",
            said=", ".join(parts) or "not measured",
            source=f"evaluation {evidence.number}",
            digest=evidence.results_digest,
            estimate=_exact(metrics[first] if first is not None else ratio),
        )


def requirement(result: RequirementResult) -> Anchor:
    """A requirement of the policy and how it stands."""
    looked_at = result.looked_at
    if inner := looked_at.get("groups"):
        looked_at = inner[0]
    kept = {name: looked_at.get(name) for name in ("value", "ci_low", "ci_high", "n", "limit")}
    state = {"state": result.state, **kept}
    return Anchor(
        key=f"{AnchorKind.REQUIREMENT}:{result.rule_id}",
        title=result.title,
        said=f"{STATE_WORDS[result.state]}. {result.message}",
        source="the policy",
        digest=sha256(canonical(state)).hexdigest(),
        estimate={name: value for name, value in kept.items() if value is not None},
    )


def sections(standing: Standing) -> Iterator[Anchor]:
    """Every section of the card, in its order, with the beginning of what people wrote in it."""
    card = standing.card
    written: Mapping[str, str] = card.sections if card else {}
    for section in SECTIONS.values():
        text = written.get(section.id, "")
        yield Anchor(
            key=f"{AnchorKind.SECTION}:{section.id}",
            title=f"Card: {section.title}",
            said=_beginning(text) or ("drawn from the registry" if section.is_drawn else "nothing written"),
            source=f"card revision {card.number}" if card else "no card",
            digest=sha256(text.encode()).hexdigest(),
        )


def _file(standing: Standing, path: str) -> Anchor | None:
    file = standing.review.version.files.filter(path=path).first()
    return file_anchor(file) if file else None


def file_anchor(file: ManifestFile) -> Anchor:
    """A file of the version."""
    return Anchor(
        key=f"{AnchorKind.FILE}:{file.path}",
        title=file.path,
        said=f"{formats.size(file.size)}, sha256 {file.blob_id[:12]}",
        source="the artifact",
        digest=file.blob_id,
    )


def _results(standing: Standing) -> Mapping[str, Any]:
    return standing.evidence.results_document if standing.evidence else {}


def _exact(estimate: Mapping[str, Any]) -> dict[str, Any]:
    exact = {name: exact_text(estimate.get(name)) for name in ("value", "ci_low", "ci_high")}
    n = estimate.get("n")
    return {name: text for name, text in exact.items() if text is not None} | (
        {"n": n} if isinstance(n, int) else {}
    )


def _said(measure: Measure, estimate: Mapping[str, Any]) -> str:
    """A number with its interval, or that there is none."""
    if estimate.get("value") is None:
        return "not measured"
    interval = span(measure, estimate)
    return f"{written(measure, estimate['value'])}, {f'95 % {interval}' if interval else 'no interval'}"


def _beginning(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:119]}…"


def drawn_estimate(estimate: Mapping[str, Any], label: str) -> SafeString | None:
    """The interval a thread hangs on, as it was; None where there is none."""
    try:
        value, low, high = (float(estimate[name]) for name in ("value", "ci_low", "ci_high"))
    except (KeyError, ValueError):
        return None
    room = (high - low) * 0.6 or 0.01
    return interval(value, low, high, axis=(low - room, high + room), label=label, width=WIDTH)
