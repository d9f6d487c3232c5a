"""Add a person from the shell: the road for the first ones, and where nobody can sign in."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from countersign.accounts import actions
from countersign.accounts.models import Team
from countersign.accounts.values import random_password
from countersign.actors import Actor
from countersign.errors import CountersignError
from countersign.permissions import Role


class Command(BaseCommand):
    """`create_person reviewer.risk "Reviewer (Risk)" --role reviewer@risk`: prints a random password once."""

    help = "Add a person, with roles; prints their password once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="what they sign in with")
        parser.add_argument("full_name", help="as it stands under signatures")
        parser.add_argument("--email", default="")
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            metavar="ROLE[@TEAM]",
            help="reviewer@risk, or administrator, auditor, compliance; again for each role",
        )
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password from standard input, printing none",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else random_password()
        actor = Actor.system("shell")
        try:
            with transaction.atomic():
                user = actions.create_user(
                    username=options["username"],
                    full_name=options["full_name"],
                    email=options["email"],
                    password=password,
                    actor=actor,
                )
                for text in options["role"]:
                    role, team = _role(text)
                    actions.grant_role(user=user, role=role, team=team, actor=actor)
        except CountersignError as error:
            raise CommandError(error.message) from None
        self.stderr.write(f"{user} is added; nothing shows this password again.", ending="\n")
        if not options["password_stdin"]:
            self.stdout.write(password)


def _role(text: str) -> tuple[Role, Team | None]:
    name, _, slug = text.partition("@")
    if name not in set(Role):
        raise CommandError(f"“{name}” is no role. Choose one of: {', '.join(Role)}.")
    team = Team.objects.filter(slug=slug).first() if slug else None
    if slug and team is None:
        raise CommandError(f"There is no team {slug}.")
    return Role(name), team
