"""Making environments."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from countersign import clock
from countersign.actors import Actor
from countersign.errors import Conflict, Refused
from countersign.identifiers import fold
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from governance.environments.models import Environment
from governance.environments.verbs import ENVIRONMENT_CREATED
from registry.versions.actions.aliases import checked_alias
from registry.versions.models import Alias


def create_environment(*, name: str, slug: str, position: int, alias: str, actor: Actor) -> Environment:
    """An environment with its protected alias. From now on that alias moves only by promotion, in every model.

    Raises Refused without the permission, Invalid (bad_alias) for what cannot be an alias, Conflict where slug or
    alias (or a look-alike of it) is in use, also as a free alias of some model: what it points at was never
    promoted."""
    if not (verdict := actor.may(Permission.SET_ENVIRONMENT)):
        raise Refused(verdict)
    alias = checked_alias(alias)
    if taken := Alias.objects.filter(name_folded=fold(alias)).select_related("model").first():
        raise Conflict(
            f"“{taken.name}” is a free alias of the model {taken.model.name}. Choose another, or take it away there.",
            code="name_in_use",
        )
    with transaction.atomic():
        environment = Environment(
            name=name,
            slug=slug,
            position=position,
            alias=alias,
            alias_folded=fold(alias),
            created_at=clock.now(),
        )
        try:
            with transaction.atomic():
                environment.save(force_insert=True)
        except IntegrityError as error:
            raise Conflict(
                f"An environment with the address “{slug}” or the alias “{alias}” exists already. Choose another.",
                code="name_in_use",
            ) from error
        append_entry(verb=ENVIRONMENT_CREATED, subject=environment, actor=actor)
    return environment
