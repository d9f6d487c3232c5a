"""Registering, describing, renaming, archiving and restoring models."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from countersign import clock
from countersign.accounts.models import Team
from countersign.actors import Actor
from countersign.errors import Refused
from countersign.ledger.append import append_entry
from countersign.ledger.verbs import Verb
from countersign.permissions import Permission
from registry import gates
from registry.conflicts import broke, name_in_use
from registry.gates import Act, Question
from registry.names import checked_name, checked_text
from registry.versions.actions.locks import lock_model, refuse_archived
from registry.versions.models import RegisteredModel
from registry.versions.verbs import (
    MODEL_ARCHIVED,
    MODEL_REGISTERED,
    MODEL_RENAMED,
    MODEL_RESTORED,
    MODEL_UPDATED,
)
from registry.visibility import require


def register_model(*, name: str, team: Team, description: str = "", actor: Actor) -> RegisteredModel:
    """A named line of versions. Raises Refused, Invalid (bad_name), Conflict (name_in_use, also by a
    look-alike)."""
    require(actor, Permission.REGISTER, team.id)
    checked = checked_name(name, what="model")
    description = checked_text(description, field="description")
    try:
        with transaction.atomic():
            model = RegisteredModel.objects.create(
                name=checked.shown,
                name_folded=checked.folded,
                team=team,
                description=description,
                created_at=clock.now(),
            )
            append_entry(verb=MODEL_REGISTERED, subject=model, actor=actor)
    except IntegrityError as error:
        if not broke(error, "name_folded"):
            raise
        raise name_in_use(checked) from error
    return model


def update_model(*, model: RegisteredModel, description: str, actor: Actor) -> RegisteredModel:
    """Replace the description; an equal one changes nothing. Raises Refused, Invalid."""
    description = checked_text(description, field="description")
    with transaction.atomic():
        model = lock_model(model)
        require(actor, Permission.REGISTER, model.team_id)
        if model.description != description:
            before = model.ledger_state()
            model.description = description
            model.save(update_fields=["description"])
            append_entry(verb=MODEL_UPDATED, subject=model, actor=actor, before=before)
    return model


def rename_model(*, model: RegisteredModel, name: str, actor: Actor) -> RegisteredModel:
    """Give the model another name. Raises Refused (permission, gates), Invalid (bad_name), Conflict
    (name_in_use)."""
    checked = checked_name(name, what="model")
    try:
        with transaction.atomic():
            model = lock_model(model)
            require(actor, Permission.ARCHIVE, model.team_id)
            if model.name == checked.shown:
                return model
            _ask(Act.RENAME_MODEL, model, actor)
            before = model.ledger_state()
            model.name, model.name_folded = checked.shown, checked.folded
            model.save(update_fields=["name", "name_folded"])
            append_entry(verb=MODEL_RENAMED, subject=model, actor=actor, before=before)
    except IntegrityError as error:
        if not broke(error, "name_folded"):
            raise
        raise name_in_use(checked) from error
    return model


def archive_model(*, model: RegisteredModel, actor: Actor) -> RegisteredModel:
    """Take the model out of use; nothing is lost. Raises Refused (permission, gates, archived already)."""
    with transaction.atomic():
        model = lock_model(model)
        require(actor, Permission.ARCHIVE, model.team_id)
        refuse_archived(model)
        _ask(Act.ARCHIVE_MODEL, model, actor)
        return _set_archived(model, clock.now(), MODEL_ARCHIVED, actor)


def restore_model(*, model: RegisteredModel, actor: Actor) -> RegisteredModel:
    """Bring an archived model back; one in use stays as it is. Raises Refused."""
    with transaction.atomic():
        model = lock_model(model)
        require(actor, Permission.ARCHIVE, model.team_id)
        return _set_archived(model, None, MODEL_RESTORED, actor) if model.archived_at else model


def _set_archived(model: RegisteredModel, at: datetime | None, verb: Verb, actor: Actor) -> RegisteredModel:
    before = model.ledger_state()
    model.archived_at = at
    model.save(update_fields=["archived_at"])
    append_entry(verb=verb, subject=model, actor=actor, before=before)
    return model


def _ask(act: Act, model: RegisteredModel, actor: Actor) -> None:
    if not (verdict := gates.check(Question(act=act, model=model), actor)):
        raise Refused(verdict)
