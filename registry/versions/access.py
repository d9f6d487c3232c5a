"""You get a model, a version, a file or an upload only through a function that knows who asks."""

from __future__ import annotations

from uuid import UUID

from countersign.actors import Actor
from countersign.errors import NotFound
from countersign.permissions import Permission
from registry.names import folded
from registry.versions.models import Alias, ManifestFile, ModelVersion, RegisteredModel, Tag, Upload
from registry.versions.queries import models_visible_to, versions_visible_to
from registry.visibility import found, require


def get_model(actor: Actor, name: str, permission: Permission = Permission.SEE) -> RegisteredModel:
    """The model of this name, however its case and spaces were typed. Raises NotFound, Refused."""
    model = found(models_visible_to(actor).filter(name_folded=folded(name)).first(), "model")
    require(actor, permission, model.team_id)
    return model


def get_version(
    actor: Actor, name: str, number: int, permission: Permission = Permission.SEE
) -> ModelVersion:
    """A version by the name of its model and its number. Raises NotFound, Refused."""
    model = get_model(actor, name)
    version = found(
        versions_visible_to(actor).filter(model=model, number=number).first(), "version of this model"
    )
    require(actor, permission, model.team_id)
    return version


def get_file(actor: Actor, name: str, number: int, path: str) -> ManifestFile:
    """A file of a version, to be downloaded. Raises NotFound, Refused: to know of it is not to have its
    bytes."""
    version = get_version(actor, name, number, Permission.DOWNLOAD)
    return found(version.files.select_related("blob").filter(path=path).first(), "file in this version")


def get_tag(model: RegisteredModel, key: str, version: ModelVersion | None = None) -> Tag:
    """A tag of a model one has got, or of one of its versions. Raises NotFound."""
    tag: Tag | None = model.tags.filter(version=version, key=key).first()
    return found(tag, "tag with this key")


def get_alias(model: RegisteredModel, name: str) -> Alias:
    """An alias of a model one has got, by its exact name. Raises NotFound."""
    alias: Alias | None = next(
        (one for one in model.aliases.select_related("version") if one.name == name), None
    )
    if alias is None:
        raise NotFound(f"“{model.name}” has no alias “{name[:100]}”.")
    return alias


def get_upload(actor: Actor, upload: UUID) -> Upload:
    """The actor's own upload: nobody else may add to it, or the uploader would not be who sent the bytes.

    Raises NotFound, Refused."""
    row = Upload.objects.select_related("model__team").filter(pk=upload).first()
    if row is None or (row.created_by_kind, row.created_by) != (actor.kind.value, actor.ref):
        raise NotFound("There is no such upload of yours.")
    get_model(actor, row.model.name, Permission.REGISTER)
    return row
