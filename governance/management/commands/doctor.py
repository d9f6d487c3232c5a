"""`manage.py doctor`: what is missing or weak on this host, why it matters, what to do."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from countersign.upkeep.doctor import examine
from countersign.upkeep.doctor.findings import exit_status, lines
from governance.evaluation.confinement import findings as isolation
from governance.policies.upgrades import findings as shipped


class Command(BaseCommand):
    """Prints the findings. Exit status: 0 all is well, 1 something is weak, 2 something is missing."""

    help = "Say what is missing or weak on this host, why it matters and what to do. Run it as a worker would run."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = list(examine(isolation, shipped))
        status = exit_status(findings)
        if options["json"]:
            self.stdout.write(
                json.dumps({"status": status, "findings": [asdict(one) for one in findings]}, indent=1)
            )
        else:
            for line in lines(findings):
                self.stdout.write(line)
        sys.exit(status)
