"""Moving and deleting aliases. Only `_move_alias` writes Alias and AliasPeriod, after every gate has been
asked."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from countersign.actors import Actor
from countersign.errors import Invalid, NotFound, Refused
from countersign.identifiers import fold
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from registry import gates
from registry.gates import Act, Question
from registry.versions.actions.locks import lock_model, refuse_archived
from registry.versions.history import period_start
from registry.versions.models import Alias, AliasPeriod, ModelVersion, RegisteredModel
from registry.versions.verbs import ALIAS_DELETED, ALIAS_SET
from registry.visibility import require

_ALIAS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_LIKE_A_NUMBER = re.compile(r"v[0-9]+")


def checked_alias(raw: str) -> str:
    """An alias: 1 to 100 of letters, digits, `_`, `-`, `.`; not `latest`, which means something else to
    MLflow's clients, and not v with a number, which reads like a version. Raises Invalid (bad_alias)."""
    if not isinstance(raw, str) or not _ALIAS.fullmatch(raw):
        raise _bad(
            "An alias has 1 to 100 letters, digits, “_”, “-” and “.”, and begins with one of the first three."
        )
    if fold(raw) == "latest" or _LIKE_A_NUMBER.fullmatch(fold(raw)):
        raise _bad(
            f"“{raw}” cannot be an alias: it reads like a version. Choose a word such as “challenger”."
        )
    return raw


def set_alias(
    *, model: RegisteredModel, name: str, version: ModelVersion, actor: Actor, pass_for: Any = None
) -> Alias:
    """Point an alias at a version of the model; where it points there already, nothing changes.

    A protected alias moves only with `pass_for`, which governance's promotion makes and its gate knows; the
    promotion has checked the permission. Raises Refused with every reason, Invalid (bad_alias)."""
    name = checked_alias(name)
    with transaction.atomic():
        model = lock_model(model)
        if pass_for is None:
            require(actor, Permission.REGISTER, model.team_id)
        version = _lock_target(model, version)
        alias: Alias = _move_alias(model=model, name=name, version=version, actor=actor, pass_for=pass_for)
    return alias


def delete_alias(*, model: RegisteredModel, name: str, actor: Actor) -> None:
    """Take an alias away; its history stays. Raises Refused with every reason, NotFound."""
    with transaction.atomic():
        model = lock_model(model)
        require(actor, Permission.REGISTER, model.team_id)
        _move_alias(model=model, name=name, version=None, actor=actor, pass_for=None)


def _lock_target(model: RegisteredModel, version: ModelVersion) -> ModelVersion:
    if version.model_id != model.pk:
        raise Invalid(
            "An alias points at a version of its own model.", fields={"version": ["Of another model."]}
        )
    locked: ModelVersion = ModelVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    locked.model = model
    refuse_archived(locked)
    return locked


def _move_alias(
    *, model: RegisteredModel, name: str, version: ModelVersion | None, actor: Actor, pass_for: Any
) -> Any:
    """Point the alias at the version, or take it away (None). The model's row is locked. Returns the
    alias."""
    act = Act.DELETE_ALIAS if version is None else Act.SET_ALIAS
    question = Question(act=act, model=model, version=version, alias=name, pass_for=pass_for)
    if not (verdict := gates.check(question, actor)):
        raise Refused(verdict)
    alias = Alias.objects.select_for_update().filter(model=model, name_folded=fold(name)).first()
    if alias is None and version is None:
        raise NotFound(f"There is no alias “{name[:100]}” of this model.")
    if alias is not None and version is not None and alias.version_id == version.pk:
        return alias
    before = alias.ledger_state() if alias else None
    if version is None:
        assert alias is not None  # noqa: S101
        ref = alias.pk
        alias.delete()
        alias.pk = ref  # Django forgets the id of a deleted row; the entry is about it
        entry = append_entry(verb=ALIAS_DELETED, subject=alias, actor=actor, before=before)
        _close_period(model, fold(name), entry.recorded_at)
        return None
    alias = alias or Alias(model=model, name=name, name_folded=fold(name))
    alias.version = version
    alias.save()
    entry = append_entry(verb=ALIAS_SET, subject=alias, actor=actor, before=before)
    moment = _close_period(model, fold(name), entry.recorded_at)
    AliasPeriod.objects.create(
        model=model,
        name=alias.name,
        name_folded=alias.name_folded,
        version=version,
        during=DateTimeTZRange(moment, None),
        alias=alias.pk,
        entry=entry.id,
    )
    return alias


def _close_period(model: RegisteredModel, name_folded: str, recorded_at: datetime) -> datetime:
    """End the open period of the alias, if there is one; the instant at which the next begins.

    Follows from the entries alone (`history.period_start`), so that `verify` can compare the table with them."""
    newest = AliasPeriod.objects.filter(model=model, name_folded=name_folded).order_by("-during").first()
    if newest is None:
        return recorded_at
    if newest.during.upper is not None:
        return period_start(newest.during.upper, recorded_at)
    moment = period_start(newest.during.lower, recorded_at)
    newest.during = DateTimeTZRange(newest.during.lower, moment)
    newest.save(update_fields=["during"])
    return moment


def _bad(sentence: str) -> Invalid:
    return Invalid(sentence, fields={"alias": [sentence]}, code="bad_alias")
