"""Perform the demonstration against a running instance: hands its process a URL and a token, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from countersign.accounts.actions import create_token
from countersign.accounts.models import Membership
from countersign.actors import Actor
from countersign.permissions import Role, Scope

PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "COUNTERSIGN_HOME", "COUNTERSIGN_RUN", "PYTHONUNBUFFERED")


class Command(BaseCommand):
    """Run `python -m demo` with a token of the first administrator that ends tomorrow."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="where the instance answers, such as http://127.0.0.1:8000")

    def handle(self, *args: Any, **options: Any) -> None:
        first = (
            Membership.objects.filter(role=Role.ADMINISTRATOR, ends_at__isnull=True)
            .order_by("starts_at")
            .first()
        )
        if first is None:
            raise CommandError("There is no administrator yet. Run `manage.py bootstrap` first.")
        _, plaintext = create_token(
            holder=first.user,
            name="demonstration",
            scopes=[Scope.ADMINISTER],
            days=1,
            actor=Actor.system("shell"),
        )
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= {"COUNTERSIGN_URL": options["url"], "COUNTERSIGN_TOKEN": plaintext}
        done = subprocess.run([sys.executable, "-m", "demo"], cwd=settings.ROOT, env=environment)
        if done.returncode:
            raise CommandError(
                "The demonstration did not finish; what it did so far is in the ledger.", returncode=1
            )
