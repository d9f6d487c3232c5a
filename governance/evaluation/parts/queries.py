"""How far the parts of an evaluation are."""

from __future__ import annotations

from typing import Any

from django.db.models import Avg, Count, Min, Q

from countersign import clock
from countersign.jobs.models import Job, JobState
from countersign.web.formats import plural
from governance.evaluation.models import Evaluation
from governance.evaluation.pace import time_left
from governance.evaluation.parts.actions import EVALUATE_PART
from governance.evaluation.predicting import FROM, UNTIL


def how_far(evaluation: Evaluation) -> dict[str, Any]:
    """`progress` and `message` for the evaluation's job while its parts run. The time that is left is taken from
    what all workers together did since the first of them began."""
    found = Job.objects.filter(
        kind=EVALUATE_PART, subject_type=evaluation.ledger_type, subject_ref=evaluation.id
    ).aggregate(
        all=Count("id"),
        done=Count("id", filter=Q(state=JobState.SUCCEEDED)),
        running=Count("id", filter=Q(state=JobState.RUNNING)),
        share=Avg("progress"),
        began=Min("started_at"),
    )
    share, began = found["share"] or 0.0, found["began"]
    left = ""
    if began is not None and share > 0:
        seconds = (clock.now() - began).total_seconds()
        left = time_left(seconds / share * (1 - share))
    return {
        "progress": FROM + (UNTIL - FROM) * share,
        "message": f"{found['done']} of {plural(found['all'], 'part')} predicted, {found['running']} running{left}",
    }
