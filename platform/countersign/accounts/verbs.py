"""What the ledger records of people, teams, roles, service accounts and tokens."""

from countersign.ledger.verbs import Effect, Verb, register

USER_CREATED = register(Verb("accounts.user.created"))
USER_DEACTIVATED = register(Verb("accounts.user.deactivated"))
USER_REACTIVATED = register(Verb("accounts.user.reactivated"))
PASSWORD_CHANGED = register(Verb("accounts.user.password_changed"))
PASSWORD_RESET = register(Verb("accounts.user.password_reset"))
LOCKED_OUT = register(Verb("accounts.user.locked_out", effect=Effect.NONE))
TEAM_CREATED = register(Verb("accounts.team.created"))
ROLE_GRANTED = register(Verb("accounts.membership.granted"))
SESSIONS_ENDED = register(Verb("accounts.user.sessions_ended", effect=Effect.NONE))
ROLE_END_MOVED = register(Verb("accounts.membership.end_moved"))
ROLE_ENDED = register(Verb("accounts.membership.ended"))
SERVICE_ACCOUNT_CREATED = register(Verb("accounts.service_account.created"))
SERVICE_ACCOUNT_REASSIGNED = register(Verb("accounts.service_account.reassigned"))
SERVICE_ACCOUNT_DEACTIVATED = register(Verb("accounts.service_account.deactivated"))
TOKEN_CREATED = register(Verb("accounts.api_token.created"))
TOKEN_REVOKED = register(Verb("accounts.api_token.revoked"))
ATTEMPT_REFUSED = register(Verb("accounts.attempt.refused", effect=Effect.NONE))
