"""Judging rules on reports: what others measured or tested of this very version, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.urls import reverse

from countersign.web.formats import day, plural
from governance.policies.document import REPORTS, Rule
from governance.policies.requirements import Outcome
from governance.policies.sentences import limit_text, report_words
from governance.reports.models import Report, Trust
from registry.versions.models import ModelVersion

_RANK: Mapping[str, int] = {Trust.REPORTED: 0, Trust.BOUND: 1}
FAILING_NAMED = 3


class Reports:
    """The reports on these versions, read once a rule asks."""

    def __init__(self, versions: Sequence[ModelVersion]) -> None:
        self._versions = versions

    def on(self, version: ModelVersion) -> list[Report]:
        """Those on a version, newest first."""
        return self._by_version.get(version.pk, [])

    @cached_property
    def _by_version(self) -> dict[UUID, list[Report]]:
        found: dict[UUID, list[Report]] = {}
        for one in Report.objects.filter(version__in=self._versions).order_by("-number"):
            found.setdefault(one.version_id, []).append(one)
        return found


def of_report(rule: Rule, version: ModelVersion, reports: Reports) -> Outcome:
    """What the reports of the rule's kind on this version say. Of those with one name the newest that is trusted
    enough counts; of several names the worst decides."""
    what = report_words(rule)
    found = [
        one
        for one in reports.on(version)
        if one.kind == rule.path.removeprefix(REPORTS) and rule.named in ("", one.summary["name"])
    ]
    if not found:
        return Outcome.missing(f"No {what} is recorded on {version}. Record one beside its evaluations.")
    trusted = [one for one in found if _RANK[one.trust] >= _RANK[rule.trust]]
    if not trusted:
        says = (
            f"Report {found[0].number} names no digest, so that it is about {version} is only its reporter's word; "
            "it must name the version's bytes."
        )
        return Outcome("not_met", says, _looked_at(rule, found[0]))
    newest: dict[str, Report] = {}
    for one in trusted:
        newest.setdefault(one.summary["name"], one)
    missing = [one for one in newest.values() if rule.op == "in" and one.result not in _words(rule)]
    shown = (missing or list(newest.values()))[0]
    says = " ".join([_said(rule, shown, met=not missing), *_others(shown, found, trusted)])
    if len(newest) > 1:
        says += f" {plural(len(newest), 'report')} of this kind count, one a name; the worst decides."
    return Outcome("not_met" if missing else "met", says, _looked_at(rule, shown))


def _words(rule: Rule) -> tuple[str, ...]:
    return rule.limit if isinstance(rule.limit, tuple) else ()


def _said(rule: Rule, report: Report, *, met: bool) -> str:
    called = f"Report {report.number}" + (f", “{name}”," if (name := report.summary["name"]) else "")
    on = f"recorded on {day(report.created_at.date())}"
    if rule.op == "recorded":
        return f"{called} is {on}."
    if met:
        return f"{called} {on} says {report.result}."
    failing = report.summary["failing"][:FAILING_NAMED]
    named = f" ({', '.join(failing)})" if failing else ""
    return f"{called} {on} says {report.result}{named}; it must be {limit_text(rule)}."


def _others(shown: Report, found: Sequence[Report], trusted: Sequence[Report]) -> list[str]:
    """Those of the same name that do not count: newer and not trusted enough, or older."""
    alike = [one for one in found if one.summary["name"] == shown.summary["name"]]
    newer = [one for one in alike if one.number > shown.number]
    older = [one for one in alike if one.number < shown.number and one in trusted]
    sentences = []
    if newer:
        sentences.append(f"Report {newer[0].number} is newer and not trusted enough to count.")
    if older:
        said = f", which said {older[0].result}" if older[0].result else ""
        sentences.append(f"It stands in place of report {older[0].number}{said}.")
    return sentences


def _looked_at(rule: Rule, report: Report) -> dict[str, Any]:
    return {
        "report": report.number,
        "value": report.result,
        "trust": report.trust,
        "digest": f"sha256:{report.blob_id}",
        "asked_trust": rule.trust,
        "limit": list(_words(rule)),
    }


def page_of(version: ModelVersion, number: int) -> str:
    """The page of a report on a version."""
    return reverse("governance:report", args=[version.model.name, version.number, number])
