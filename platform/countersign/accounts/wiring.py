"""What accounts plug into the layers below them at start."""

from uuid import UUID

from countersign import actors
from countersign import refusals as seam
from countersign.accounts import presenters, queries, refusals, schema, search  # noqa: F401  they register themselves
from countersign.accounts.models import ApiToken, Membership, ServiceAccount, Team, User
from countersign.actors import Actor
from countersign.ledger import names, visibility
from countersign.permissions import Permission
from countersign.web import navigation


def wire() -> None:
    """Register the actor resolver, the recorder of refusals, who may read which entries, and the menu."""
    actors.register_resolver(queries.actor_of)
    seam.register(refusals.record)
    names.register(queries.labels_of)
    names.register_finder(queries.refs_called)
    navigation.register_account(
        profile="accounts:profile", sign_in="accounts:sign-in", sign_out="accounts:sign-out"
    )
    visibility.register(
        User.ledger_type, lambda actor: User.objects.filter(pk__in=[actor.person or UUID(int=0)]).values("pk")
    )
    visibility.register(
        Team.ledger_type, lambda actor: Team.objects.filter(pk__in=_teams(actor)).values("pk")
    )
    visibility.register(
        Membership.ledger_type, lambda actor: Membership.objects.filter(team__in=_teams(actor)).values("pk")
    )
    visibility.register(
        ServiceAccount.ledger_type,
        lambda actor: ServiceAccount.objects.filter(team__in=_teams(actor)).values("pk"),
    )
    visibility.register(ApiToken.ledger_type, lambda actor: queries.tokens_visible_to(actor).values("pk"))


def _teams(actor: Actor) -> frozenset[UUID]:
    """Teams whose entries the actor may read; who reads everything is not asked."""
    return frozenset(actor.teams_with(Permission.READ_LEDGER) or ())
