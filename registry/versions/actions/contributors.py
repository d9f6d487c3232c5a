"""Naming who made a version. People named here cannot sign for it, whoever names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from countersign import clock
from countersign.accounts.models import ServiceAccount, User
from countersign.actors import Actor, ActorKind
from countersign.errors import Invalid
from countersign.identifiers import fold
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from registry.runs.models import Run
from registry.versions.actions.locks import lock_version
from registry.versions.models import Contributor, ContributorKind, KnownBy, ModelVersion
from registry.versions.verbs import CONTRIBUTOR_ADDED
from registry.visibility import require

TRAINERS_LIMIT = 50


@dataclass(frozen=True, slots=True)
class FoundContributor:
    """Somebody who made a version, and how we know."""

    user: UUID | None
    kind: ContributorKind
    known_by: KnownBy
    service_account: UUID | None = None
    declared_identity: str = ""


def add_contributor(
    *, version: ModelVersion, user: User, kind: ContributorKind, known_by: KnownBy, actor: Actor
) -> Contributor:
    """Name one more person who made the version; one named already in this kind stays as known. Whoever edits
    the card or registers may name. Raises Refused."""
    with transaction.atomic():
        version = lock_version(version)
        permission = Permission.EDIT_CARD if kind is ContributorKind.CARD_AUTHOR else Permission.REGISTER
        require(actor, permission, version.model.team_id)
        known = Contributor.objects.filter(version=version, user=user, kind=kind).first()
        return (
            known
            or add_found(version=version, found=[FoundContributor(user.pk, kind, known_by)], actor=actor)[0]
        )


def contributors_of_registration(
    *, actor: Actor, run: Run | None, trainers: Sequence[str]
) -> list[FoundContributor]:
    """Who makes a version that the actor registers: the uploader (for a service account the person who
    answers for it), who recorded the run, and the trainers named by sign-in name. Raises Invalid
    (unknown_person)."""
    authenticated = KnownBy.AUTHENTICATED
    found = [_uploader(actor)]
    if run is not None and run.created_by_kind == ActorKind.PERSON:
        found.append(FoundContributor(run.created_by, ContributorKind.TRAINER, authenticated))
    elif run is not None and run.created_by is not None and run.created_by_kind == ActorKind.SERVICE:
        # A machine trained nothing by itself: its person answers for what it sent, and is not the trainer.
        account = ServiceAccount.objects.get(pk=run.created_by)
        found.append(
            FoundContributor(account.responsible_id, ContributorKind.UPLOADER, authenticated, account.pk)
        )
    found += [
        FoundContributor(person, ContributorKind.TRAINER, KnownBy.DECLARED)
        for person in _people_named(trainers)
    ]
    once: dict[tuple[UUID | None, str], FoundContributor] = {}
    for one in found:  # the first is the best known
        once.setdefault((one.user, one.kind), one)
    return list(once.values())


def add_found(*, version: ModelVersion, found: Iterable[FoundContributor], actor: Actor) -> list[Contributor]:
    """Insert contributors of a version whose row is locked or new, each with its entry."""
    now = clock.now()
    added = []
    for one in found:
        contributor = Contributor.objects.create(
            version=version,
            user_id=one.user,
            declared_identity=one.declared_identity,
            kind=one.kind.value,
            known_by=one.known_by.value,
            service_account=one.service_account,
            created_at=now,
        )
        append_entry(verb=CONTRIBUTOR_ADDED, subject=contributor, actor=actor)
        added.append(contributor)
    return added


def _uploader(actor: Actor) -> FoundContributor:
    kind, authenticated = ContributorKind.UPLOADER, KnownBy.AUTHENTICATED
    if actor.kind is ActorKind.SERVICE:
        return FoundContributor(actor.person, kind, authenticated, actor.ref)
    if actor.kind is ActorKind.PERSON:
        return FoundContributor(actor.ref, kind, authenticated)
    return FoundContributor(None, kind, authenticated, declared_identity=actor.label)


def _people_named(usernames: Sequence[str]) -> list[UUID]:
    if len(usernames) > TRAINERS_LIMIT:
        raise Invalid(f"At most {TRAINERS_LIMIT} trainers.", fields={"trainers": ["Too many."]})
    by_name = dict(
        User.objects.filter(username_folded__in={fold(str(name)) for name in usernames}).values_list(
            "username_folded", "pk"
        )
    )
    for name in usernames:
        if fold(str(name)) not in by_name:
            shown = str(name)[:80]
            sentence = f"Nobody here signs in as “{shown}”. Correct the name, or ask for an account for them."
            raise Invalid(sentence, fields={"trainers": [sentence]}, code="unknown_person")
    return [by_name[fold(str(name))] for name in usernames]
