"""Recording what others measured."""

from __future__ import annotations

from django.db import transaction

from countersign import clock
from countersign.actors import Actor
from countersign.blobs.actions import keep_blob
from countersign.blobs.store import Incoming
from countersign.errors import Conflict, Invalid, Refused
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from governance.numbers import next_number
from governance.reports.models import Report, Trust
from governance.reports.reading import Summary
from governance.reports.verbs import REPORT_RECORDED
from registry.versions.actions.locks import lock_version, refuse_archived
from registry.versions.models import ModelVersion

LIMIT = 2 * 1024 * 1024
"""The largest report, in bytes."""


@transaction.atomic
def record_report(*, version: ModelVersion, incoming: Incoming, summary: Summary, actor: Actor) -> Report:
    """Record a report on a version: the file as it came and what was read from it.

    Raises Refused (permission; archived), Invalid (report_of_another: it names other bytes by digest), Conflict
    (report_known: the same file was recorded for this version)."""
    if not (verdict := actor.may(Permission.EVALUATE, version.model.team_id)):
        raise Refused(verdict)
    version = lock_version(version)
    refuse_archived(version)
    trust = _trust(version, summary)
    known = Report.objects.filter(version=version, blob=incoming.sha256).first()
    if known is not None:
        raise Conflict(f"This file is report {known.number} of {version} already.", code="report_known")
    report = Report.objects.create(
        number=next_number("report"),
        version=version,
        kind=summary.kind.value,
        result=summary.result,
        trust=trust,
        summary=summary.as_dict(),
        blob=keep_blob(incoming),
        reporter_kind=actor.kind,
        reporter=actor.ref,
        reporter_label=actor.label,
        created_at=clock.now(),
    )
    append_entry(verb=REPORT_RECORDED, subject=report, actor=actor)
    return report


def _trust(version: ModelVersion, summary: Summary) -> Trust:
    if not summary.digests:
        return Trust.REPORTED
    ours = {version.digest, *version.files.values_list("blob_id", flat=True)}
    if not ours.intersection(summary.digests):
        sentence = (
            f"The report is about other bytes: none of the digests it names is that of {version} or of one of its "
            "files. Record it for the version it is about."
        )
        raise Invalid(sentence, fields={"file": [sentence]}, code="report_of_another")
    return Trust.BOUND
