"""What an upgrade brought that waits for people of compliance: told by the doctor."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError

from countersign.upkeep.doctor.findings import Finding, ok, weak
from governance.policies.models import Policy
from governance.policies.shipping import newer_shipped


def findings() -> Iterator[Finding]:
    """Shipped policies that wait for a decision. Nothing where the database does not answer or holds none."""
    try:
        policies = list(Policy.objects.select_related("environment").prefetch_related("revisions"))
    except DatabaseError:
        return
    waiting = sorted(one.name for one in policies if newer_shipped(one, one.revisions.all()))
    if waiting:
        yield weak(
            "Shipped policies",
            f"this release ships newer texts for {', '.join(f'“{name}”' for name in waiting)}",
            why="What is in force stays in force. Rules that came since, and limits that were tuned, are not asked.",
            do="A compliance officer reads the difference on the page Policies and drafts it; another puts it in "
            "force. A draft that is discarded is a decision as well.",
        )
    elif policies:
        yield ok("Shipped policies", "every text of this release is on record")
