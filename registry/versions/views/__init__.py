"""Pages of registered models and their versions. Higher layers add columns, filters, panels and tabs."""

from registry.versions.views.edits import model_edit, model_new, version_edit
from registry.versions.views.lists import model_list
from registry.versions.views.models import model_page
from registry.versions.views.versions import (
    version_audit,
    version_context,
    version_file,
    version_files,
    version_page,
)

__all__ = [
    "model_edit",
    "model_list",
    "model_new",
    "model_page",
    "version_audit",
    "version_context",
    "version_edit",
    "version_file",
    "version_files",
    "version_page",
]
