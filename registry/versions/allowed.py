"""Whether a model or version may be archived or renamed by somebody, with every reason: for the pages that show a
refused act with its reasons. The actions ask again under their locks."""

from __future__ import annotations

from countersign.actors import Actor
from countersign.permissions import Permission
from countersign.verdicts import Verdict
from registry import gates
from registry.gates import Act, Question
from registry.versions.models import ModelVersion, RegisteredModel
from registry.versions.queries import live_aliases


def rename_verdict(model: RegisteredModel, actor: Actor) -> Verdict:
    """Whether the model may be given another name."""
    return Verdict.all_of(
        [
            actor.may(Permission.ARCHIVE, model.team_id),
            gates.check(Question(act=Act.RENAME_MODEL, model=model), actor),
        ]
    )


def archive_verdict(thing: RegisteredModel | ModelVersion, actor: Actor) -> Verdict:
    """Whether the model or version may be taken out of use, or brought back where it is archived."""
    model, version = (thing.model, thing) if isinstance(thing, ModelVersion) else (thing, None)
    permission = actor.may(Permission.ARCHIVE, model.team_id)
    if thing.archived_at is not None:
        return permission
    act = Act.ARCHIVE_MODEL if version is None else Act.ARCHIVE_VERSION
    verdicts = [permission, gates.check(Question(act=act, model=model, version=version), actor)]
    if version is not None:
        verdicts.append(aliases_verdict(version))
    return Verdict.all_of(verdicts)


def aliases_verdict(version: ModelVersion) -> Verdict:
    """A version that an alias points at is not archived."""
    named = ", ".join(f"“{alias.name}”" for alias in live_aliases(version))
    if not named:
        return Verdict.allow()
    return Verdict.because("has_aliases", f"{version} is {named}. Move or delete the alias first.")
