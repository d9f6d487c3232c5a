"""`manage.py doctor`: what is missing or weak on this host, why it matters, what to do."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from countersign.upkeep.doctor import examine
from countersign.upkeep.doctor.findings import Finding, exit_status, lines, missing, ok, weak
from governance.evaluation.sandbox.isolation import detect_isolation

GOOD_LEVEL = 2


def isolation() -> Iterator[Finding]:
    """The sandbox level this process reaches, tried for real."""
    found = detect_isolation()
    seen = f"level {found.level} ({', '.join(found.layers) or 'no layer'}) on {found.kernel}"
    refused = " ".join(found.refused)
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
            why="A hostile model could read what the worker reads, or reach the network.",
            do=refused,
        )
    else:
        yield ok("Sandbox", seen)


class Command(BaseCommand):
    """Prints the findings. Exit status: 0 all is well, 1 something is weak, 2 something is missing."""

    help = "Say what is missing or weak on this host, why it matters and what to do. Run it as a worker would run."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = list(examine(isolation))
        status = exit_status(findings)
        if options["json"]:
            self.stdout.write(
                json.dumps({"status": status, "findings": [asdict(one) for one in findings]}, indent=1)
            )
        else:
            for line in lines(findings):
                self.stdout.write(line)
        sys.exit(status)
