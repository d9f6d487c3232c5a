"""How audit exports are called: sentences of the audit trail, and the headings of their jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse

from countersign.jobs import subjects
from countersign.jobs.subjects import SubjectLabel
from countersign.ledger.presenters import Link, Lookup, Sentence, name_with, sentence
from countersign.web.formats import instant, thousands
from governance.environments.models import Environment
from governance.export.models import AuditExport
from registry.versions.presenters import model_words

_ENVIRONMENTS = Lookup(Environment.objects.in_bulk)
name_with(_ENVIRONMENTS, str)
_EXPORTS = Lookup(AuditExport.objects.only("number").in_bulk)


def label_of(ref: UUID) -> SubjectLabel | None:
    """“Audit export 16”, with its page."""
    export = _EXPORTS.of(ref)
    if export is None:
        return None
    return SubjectLabel(f"Audit export {export.number}", reverse("governance:export", args=[export.number]))


subjects.register(AuditExport.ledger_type, label_of)


def _export(leaf: dict[str, Any]) -> Link:
    number = leaf["data"]["after"]["number"]
    return Link(f"audit export {number}", reverse("governance:export", args=[number]))


def _about(leaf: dict[str, Any]) -> str | Link:
    state = leaf["data"]["after"]
    if state.get("environment"):
        environment = _ENVIRONMENTS.of(state["environment"])
        return f"the environment {environment}" if environment else "an environment"
    if state["model"] is None:
        start, end = (datetime.fromisoformat(state[name]) for name in ("period_start", "period_end"))
        return f"everything from {instant(start)} to {instant(end)}"
    return model_words(state["model"])


@sentence("governance.audit_export.requested")
def requested(leaf: dict[str, Any]) -> Sentence:
    """“… asked for audit export 16 of credit-default: “Yearly audit””."""
    return Sentence.of("asked for ", _export(leaf), " of ", _about(leaf), f": “{leaf['personal']['reason']}”")


@sentence("governance.audit_export.written")
def written(leaf: dict[str, Any]) -> Sentence:
    """“… wrote audit export 16 of credit-default, with 1,217 entries, bundle sha256:2051…”."""
    state = leaf["data"]["after"]
    holds = f", with {thousands(state['entries'])} entries, bundle {state['bundle']}"
    return Sentence.of("wrote ", _export(leaf), " of ", _about(leaf), holds)


@sentence("governance.audit_export.failed")
def failed(leaf: dict[str, Any]) -> Sentence:
    """“… recorded that audit export 16 failed: …”."""
    message = leaf["data"]["after"]["details"]["message"]
    return Sentence.of("recorded that ", _export(leaf), " failed: ", message)


@sentence("governance.audit_export.cancelled")
def cancelled(leaf: dict[str, Any]) -> Sentence:
    """“… cancelled audit export 16”."""
    return Sentence.of("cancelled ", _export(leaf))
