"""You get an audit export only through a function that knows who asks."""

from __future__ import annotations

from countersign.actors import Actor
from countersign.errors import NotFound, Refused
from countersign.permissions import Permission
from governance.export.models import AuditExport


def get_export(actor: Actor, number: int) -> AuditExport:
    """The export with this number. Raises NotFound where its model is unseen (a period: to who does not
    see every model), Refused to who may see it and not take it away."""
    export = (
        AuditExport.objects.filter(number=number)
        .select_related("model__team", "environment", "job", "blob")
        .first()
    )
    team = export.model.team_id if export and export.model else None
    if export is None or (not actor.holds(Permission.SEE, team) and not actor.holds(Permission.EXPORT, team)):
        raise NotFound(f"There is no audit export {number}, or you may not see it.")
    if not (verdict := actor.may(Permission.EXPORT, team)):
        raise Refused(verdict)
    return export
