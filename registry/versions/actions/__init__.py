"""Everything that may be done to registered models and their versions. Every function locks the model's row
first, asks gates and permission, changes, and appends to the ledger last."""

from registry.versions.actions.aliases import delete_alias, set_alias
from registry.versions.actions.contributors import add_contributor
from registry.versions.actions.models import (
    archive_model,
    register_model,
    rename_model,
    restore_model,
    update_model,
)
from registry.versions.actions.tags import delete_tag, set_tag
from registry.versions.actions.uploads import (
    abandon_expired_uploads,
    abandon_upload,
    finalise_upload,
    open_upload,
    put_file,
)
from registry.versions.actions.versions import (
    archive_version,
    register_version,
    restore_version,
    update_version,
)
from registry.versions.values import DeclaredFile, InputClaim, ReceivedFile

__all__ = [
    "DeclaredFile",
    "InputClaim",
    "ReceivedFile",
    "abandon_expired_uploads",
    "abandon_upload",
    "add_contributor",
    "archive_model",
    "archive_version",
    "delete_alias",
    "delete_tag",
    "finalise_upload",
    "open_upload",
    "put_file",
    "register_model",
    "register_version",
    "rename_model",
    "restore_model",
    "restore_version",
    "set_alias",
    "set_tag",
    "update_model",
    "update_version",
]
