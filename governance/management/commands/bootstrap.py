"""What a new installation needs before its first request: idempotent, by the same actions as everything else."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from countersign.accounts.actions import first_administrator
from countersign.actors import Actor
from countersign.env import WrongSetting
from countersign.ledger.actions import create_ledger, publish_export_key, publish_verifier
from countersign.ledger.keys import export_key, ledger_key
from countersign.ledger.note import VerifierKey
from governance.environments.actions import create_environment
from governance.environments.models import Environment
from governance.policies.actions import ship_policies

ENVIRONMENTS = (("Staging", "staging", 1, "staging"), ("Production", "production", 2, "production"))


class Command(BaseCommand):
    """Create the ledger, the environments, the shipped policies and the first administrator, where missing."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the new administrator as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        for name, key in (("LEDGER", settings.LEDGER_KEY), ("EXPORT", settings.EXPORT_KEY)):
            if key is None:
                raise WrongSetting(
                    f"COUNTERSIGN_{name}_KEY is not set. bootstrap needs it (or COUNTERSIGN_{name}_KEY_FILE) "
                    "to write the ledger's first entries."
                )
        actor = Actor.system()
        origin = settings.LEDGER_ORIGIN
        create_ledger(actor=actor, origin=origin, vkey=str(VerifierKey.of(origin, ledger_key())))
        publish_verifier(actor=actor)
        publish_export_key(actor=actor, vkey=str(VerifierKey.of(settings.EXPORT_ORIGIN, export_key())))
        for name, slug, position, alias in ENVIRONMENTS:
            if not Environment.objects.filter(slug=slug).exists():
                create_environment(name=name, slug=slug, position=position, alias=alias, actor=actor)
        ship_policies(actor=actor)
        created = first_administrator(actor=actor)
        if options["json"]:
            self.stdout.write(
                json.dumps({"username": created[0].username, "password": created[1]} if created else {})
            )
        elif created:
            self.stdout.write(
                f"First administrator: {created[0].username}, password {created[1]} (shown once)."
            )
