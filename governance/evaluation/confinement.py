"""How well this host confines a model, tried for real: told by the doctor, and by each worker when it starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from celery.signals import worker_init
from django.conf import settings

from countersign.upkeep.doctor.findings import Finding, State, missing, ok, weak
from governance.evaluation.sandbox import Isolation, detect_isolation

GOOD_LEVEL = 2
QUEUE = "evaluation"

log = structlog.get_logger(__name__)


def findings(found: Isolation | None = None) -> Iterator[Finding]:
    """The sandbox level this process reaches, and whether it would learn what a model tries. Tries each layer where
    no isolation is given."""
    found = found or detect_isolation()
    seen = f"level {found.level} ({', '.join(found.layers) or 'no layer'}) on {found.kernel}"
    refused = " ".join(found.refused)
    lacking = f"; not in force: {refused}" if refused else ""
    if found.level < settings.ISOLATION_MINIMUM:
        yield missing(
            "Sandbox",
            f"{seen}; COUNTERSIGN_ISOLATION_MIN asks for {settings.ISOLATION_MINIMUM}",
            why="Evaluations fail here: a model is a program, and it is not run with less around it.",
            do=f"{refused} Linux 5.13 or newer with Landlock reaches level 2.",
        )
    elif found.level < GOOD_LEVEL:
        yield weak(
            "Sandbox",
            seen,
            why="A hostile model could read what the worker reads, secrets and labels among it."
            if found.level
            else "A hostile model could do what the worker may: read its secrets, write, reach the network.",
            do=f"{refused} Linux 5.13 or newer with Landlock reaches level 2.",
        )
    else:
        yield ok("Sandbox", f"{seen}{lacking}")
    if found.level and "notification" not in found.layers:
        yield weak(
            "Sandbox's notes",
            "refused calls are not told",
            why="A model is stopped as well, but evidence cannot say what it tried when it hides the refusal.",
            do="Linux 5.0 or newer tells them, where no other program listens to the worker's own calls already.",
        )


def tell_at_start(sender: Any, **_: object) -> None:
    """A worker that evaluates says how well its host confines models, before it takes the first one."""
    if QUEUE not in sender.app.amqp.queues.consume_from:
        return
    for finding in findings():
        tell = {State.OK: log.info, State.WEAK: log.warning, State.MISSING: log.error}[finding.state]
        tell(finding.name, seen=finding.seen, why=finding.why, do=finding.do)


worker_init.connect(tell_at_start)
