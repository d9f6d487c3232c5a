"""You get a report only through a function that knows who asks."""

from __future__ import annotations

from countersign.actors import Actor
from countersign.errors import NotFound, Refused
from countersign.permissions import Permission
from governance.reports.models import Report
from governance.reports.queries import reports_visible_to
from registry.versions.models import ModelVersion


def get_report(
    actor: Actor, version: ModelVersion, number: int, permission: Permission = Permission.SEE
) -> Report:
    """The report with this number on this version. Raises NotFound, Refused where the permission is lacking."""
    found = reports_visible_to(actor).filter(version=version, number=number).first()
    if found is None:
        raise NotFound(f"{version} has no report {number}.")
    if not (verdict := actor.may(permission, version.model.team_id)):
        raise Refused(verdict)
    return found
