"""Setting and deleting tags of models and versions."""

from __future__ import annotations

from django.db import transaction

from countersign.actors import Actor
from countersign.errors import NotFound
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from registry.versions.actions.locks import lock_model
from registry.versions.models import ModelVersion, RegisteredModel, Tag
from registry.versions.values import checked_tag_key, checked_tag_value
from registry.versions.verbs import TAG_DELETED, TAG_SET
from registry.visibility import require


def set_tag(
    *, model: RegisteredModel, version: ModelVersion | None = None, key: str, value: str, actor: Actor
) -> Tag:
    """Set a tag of the model, or of one of its versions; an equal value changes nothing.

    Raises Refused, Invalid."""
    key, value = checked_tag_key(key), checked_tag_value(value)
    with transaction.atomic():
        model = lock_model(model)
        require(actor, Permission.REGISTER, model.team_id)
        tag: Tag | None = Tag.objects.filter(model=model, version=version, key=key).first()
        if tag is not None and tag.value == value:
            return tag
        before = tag.ledger_state() if tag else None
        tag = tag or Tag(model=model, version=version, key=key)
        tag.value = value
        tag.save()
        append_entry(verb=TAG_SET, subject=tag, actor=actor, before=before)
    return tag


def delete_tag(
    *, model: RegisteredModel, version: ModelVersion | None = None, key: str, actor: Actor
) -> None:
    """Take a tag away. Raises Refused, NotFound."""
    with transaction.atomic():
        model = lock_model(model)
        require(actor, Permission.REGISTER, model.team_id)
        tag = Tag.objects.filter(model=model, version=version, key=key).first()
        if tag is None:
            raise NotFound("There is no tag with this key.")
        before, ref = tag.ledger_state(), tag.pk
        tag.delete()
        tag.pk = ref  # Django forgets the id of a deleted row; the entry is about it
        append_entry(verb=TAG_DELETED, subject=tag, actor=actor, before=before)
