"""Which rule of the database an error is about: only what is understood becomes a Conflict."""

from __future__ import annotations

from django.db import IntegrityError

from countersign.errors import Conflict
from registry.names import Name


def broke(error: IntegrityError, constraint: str) -> bool:
    """Whether the violated constraint's name is, or holds, this one."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return constraint in (getattr(diagnosis, "constraint_name", None) or "")


def name_in_use(name: Name) -> Conflict:
    """The name, or one that looks like it, belongs to something else."""
    return Conflict(
        f"The name “{name.shown}”, or one that looks like it, is in use. Choose another.", code="name_in_use"
    )
