"""Every write to people, teams, roles, service accounts and tokens."""

from countersign.accounts.actions.machines import (
    create_service_account,
    create_token,
    deactivate_service_account,
    reassign_service_account,
    revoke_token,
)
from countersign.accounts.actions.people import (
    change_password,
    create_user,
    deactivate_user,
    end_sessions,
    first_administrator,
    reactivate_user,
    record_lockout,
    reset_password,
)
from countersign.accounts.actions.roles import create_team, end_role, grant_role, move_role_end

__all__ = [
    "change_password",
    "create_service_account",
    "create_team",
    "create_token",
    "create_user",
    "deactivate_service_account",
    "deactivate_user",
    "end_role",
    "end_sessions",
    "first_administrator",
    "grant_role",
    "move_role_end",
    "reactivate_user",
    "reassign_service_account",
    "record_lockout",
    "reset_password",
    "revoke_token",
]
