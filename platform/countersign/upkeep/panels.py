"""What upkeep adds to pages below it: verify now on the ledger, and the findings on the job's page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from countersign.jobs.models import LIVE, Job
from countersign.jobs.queries import jobs_visible_to
from countersign.ledger.queries import Verification, last_verification
from countersign.ledger.trail import lines_of
from countersign.ledger.verification import Section
from countersign.upkeep.access import may_verify
from countersign.upkeep.actions import VERIFY
from countersign.web.guards import actor_of_request
from countersign.web.panels import Panel, register

SECTIONS = {
    Section.ANCHORS: "Against the anchor outside the database",
    Section.SIGNATURES: "Signatures of checkpoints",
    Section.ROWS: "Entries and their search columns",
    Section.ROOTS: "Roots of the tree",
    Section.TABLES: "Tables the ledger tells of",
}

NAMED = re.compile(r"[a-z_]+\.[a-z_]+ ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}): ")
"""A finding about one thing: its kind and its id."""


def on_ledger(request: HttpRequest, subject: Any) -> Mapping[str, Any]:
    """How the last verification ended, the one that runs, and the way to a new one."""
    actor = actor_of_request(request)
    last = last_verification()
    live = jobs_visible_to(actor).filter(kind=VERIFY, state__in=LIVE).first()
    return {
        "last": last,
        "last_by": lines_of([last.entry])[0].actor if last else "",
        "last_job": _page_of(request, last),
        "live": live,
        "live_percent": round(live.progress * 100) if live else 0,
        "may_verify": may_verify(actor),
    }


def on_failure(request: HttpRequest, verification: Verification) -> Mapping[str, Any] | None:
    """The way to the findings, for who may see the job."""
    page = _page_of(request, verification)
    return {"findings_url": page} if page else None


def on_job(request: HttpRequest, job: Job) -> Mapping[str, Any] | None:
    """What a verification read and found."""
    if job.kind != VERIFY or not job.result:
        return None
    found: dict[str, list[tuple[str, str]]] = {}
    for finding in job.result["findings"]:
        named = NAMED.match(finding["sentence"])
        of_section = found.setdefault(SECTIONS[Section(finding["section"])], [])
        of_section.append((finding["sentence"], named[1] if named else ""))
    checked = [(words, job.result["counts"].get(section.value, 0)) for section, words in SECTIONS.items()]
    return {"report": job.result, "found": list(found.items()), "checked": checked}


def _page_of(request: HttpRequest, verification: Verification | None) -> str | None:
    """The page of the verification's job, where it is there and the actor may see it."""
    if verification is None or verification.job is None:
        return None
    seen = jobs_visible_to(actor_of_request(request)).filter(id=verification.job).exists()
    return reverse("jobs:job", args=[verification.job]) if seen else None


register(page="ledger.trail", panel=Panel("verify", 10, "aside", "ledger/verify.html", on_ledger))
register(page="ledger.verification", panel=Panel("findings", 10, "head", "ledger/findings.html", on_failure))
register(page="jobs.job", panel=Panel("verification", 10, "main", "ledger/verification.html", on_job))
