"""How reports are called in the audit trail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse

from countersign.ledger.presenters import Link, Lookup, Sentence, sentence
from governance.reports.models import Report

_REPORTS = Lookup(Report.objects.select_related("version__model").in_bulk)


@sentence("governance.report.recorded")
def recorded(leaf: dict[str, Any]) -> Sentence:
    """“… recorded report 3 on credit-default 14”."""
    report = _REPORTS.of(UUID(leaf["subject"]["ref"]))
    if report is None:
        return Sentence.of("recorded a report")
    version = report.version
    url = reverse("governance:report", args=[version.model.name, version.number, report.number])
    return Sentence.of("recorded ", Link(str(report), url))
