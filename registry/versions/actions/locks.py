"""The locks of every action on a model: its row first, then a version's."""

from __future__ import annotations

from countersign.errors import Refused
from countersign.verdicts import Verdict
from registry.versions.models import ModelVersion, RegisteredModel


def lock_model(model: RegisteredModel) -> RegisteredModel:
    """The model's row, held until the transaction ends. Rows that name it may still be written."""
    locked: RegisteredModel = RegisteredModel.objects.select_for_update(no_key=True).get(pk=model.pk)
    return locked


def lock_version(version: ModelVersion) -> ModelVersion:
    """The version's row, after its model's, held until the transaction ends."""
    model = RegisteredModel.objects.select_for_update(no_key=True).get(pk=version.model_id)
    locked: ModelVersion = ModelVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    locked.model = model
    return locked


def refuse_archived(thing: RegisteredModel | ModelVersion) -> None:
    """Raise Refused where the model, or the version or its model, is archived."""
    model = thing.model if isinstance(thing, ModelVersion) else thing
    if model.archived_at is not None:
        raise Refused(Verdict.because("archived", f"“{model.name}” is archived. Restore it first."))
    if thing.archived_at is not None:
        raise Refused(Verdict.because("archived", f"{thing} is archived. Restore it first."))
