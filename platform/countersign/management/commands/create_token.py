"""Make an API token from the shell, for the first set-up by curl."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from countersign.accounts import actions, queries
from countersign.accounts.actions.machines import LONGEST_DAYS
from countersign.accounts.models import ServiceAccount, User
from countersign.actors import Actor
from countersign.errors import CountersignError
from countersign.permissions import Scope


class Command(BaseCommand):
    """`create_token administrator --scope administer --days 1`: prints the token, once, on standard
    output."""

    help = "Make an API token of a person or a service account; prints it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("holder", help="a user name, or TEAM/NAME of a service account")
        parser.add_argument("--name", default="made in the shell")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=[scope.value for scope in Scope],
            help="again for more",
        )
        parser.add_argument("--days", type=int, default=30, help=f"1 to {LONGEST_DAYS} (30)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            token, plaintext = actions.create_token(
                holder=_holder(options["holder"]),
                name=options["name"],
                scopes=[Scope(scope) for scope in options["scope"]],
                days=options["days"],
                actor=Actor.system("shell"),
            )
        except CountersignError as error:
            raise CommandError(error.message) from None
        self.stderr.write(
            f"The token ends on {token.expires_at:%Y-%m-%d}; nothing shows it again.", ending="\n"
        )
        self.stdout.write(plaintext)


def _holder(text: str) -> User | ServiceAccount:
    team, slash, name = text.partition("/")
    holder: User | ServiceAccount | None
    holder = (
        ServiceAccount.objects.filter(team__slug=team, name=name).first()
        if slash
        else queries.person_named(text)
    )
    if holder is None:
        raise CommandError(f"There is no active person or service account “{text}”.")
    return holder
