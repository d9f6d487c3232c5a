"""The job that verifies the ledger: what `manage.py verify` does, asked for on a page."""

from __future__ import annotations

import time

from countersign.jobs.handlers import JobContext, Outcome, handler
from countersign.jobs.models import Job
from countersign.ledger.actions import record_verification
from countersign.ledger.verification import LOG_SHARE, own_anchors, verify
from countersign.upkeep.actions import VERIFY
from countersign.web.formats import plural

TOLD_SECONDS = 0.5
"""At most so often progress is written: the log is read faster than anybody looks."""


def outcome(job: Job) -> Outcome:
    """Whether everything held, as the lists of jobs say it."""
    result = job.result or {}
    if result.get("ok"):
        return Outcome("met", "Holds", f"{plural(result['size'], 'entry', 'entries')}, everything holds")
    found = sum(result.get("counts", {}).values())
    return Outcome("refused", "Does not hold", plural(found, "finding"))


RECOMPUTE = "Recomputing the tree from the entries"
COMPARE = "Comparing every row with what the ledger tells"
RECORD = "Recording what was found"


@handler(VERIFY, title="Verification of the ledger", plan=(RECOMPUTE, COMPARE, RECORD), outcome=outcome)
def verify_ledger(context: JobContext) -> None:
    """Recompute the log and compare it with its anchors, its checkpoints and every row it tells of. Writes nothing
    before its end, so it may run again."""
    context.step(RECOMPUTE, progress=0.0)
    report = verify(anchors=own_anchors(), on_progress=_Telling(context))
    context.step(RECORD, progress=0.99)
    for finding in report.findings:
        context.log(f"{finding.section}: {finding.sentence}")
    with context.finishing() as result:
        result |= report.as_dict()
        record_verification(report=report, job=str(context.job.id), actor=context.actor)


class _Telling:
    """Progress of a verification as steps of its job; stops it where somebody cancelled."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._told_at = 0.0
        self._of_tables = False

    def __call__(self, share: float, message: str) -> None:
        self._context.check()
        if share > LOG_SHARE and not self._of_tables:
            self._of_tables = True
            self._context.step(COMPARE, progress=share)
        if time.monotonic() - self._told_at >= TOLD_SECONDS:
            self._told_at = time.monotonic()
            self._context.progress(share, message)
