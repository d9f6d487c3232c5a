"""How the API knows who asks: a token, or the session of a page in the same browser. There is no REST
sign-in."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from countersign import clock
from countersign.accounts.actions.machines import digest_of
from countersign.accounts.models import ApiToken
from countersign.accounts.queries import person_actor, service_actor
from countersign.actors import Actor
from countersign.errors import Refused
from countersign.permissions import Scope, permission_for

if TYPE_CHECKING:  # DRF's views load this module
    from rest_framework.views import APIView

TOKEN = re.compile(r"cs_[A-Za-z0-9_-]{43}")
NEVER_IN_A_URL = (
    "Never put a token in a URL: it ends in logs. "
    "Revoke it, and send a new one as “Authorization: Bearer cs_…”."
)
_TOKEN_PARAMETERS = frozenset({"token", "access_token", "api_token", "api_key", "apikey"})
_USE_NOTED_EVERY = timedelta(minutes=1)


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer cs_…`, or Basic with the token as password (what the MLflow client sends).

    A token in the URL is refused, valid or not: URLs end in logs and histories."""

    def authenticate(self, request: Request) -> tuple[Actor, ApiToken] | None:
        """The actor with the token's scopes, and the token. Raises AuthenticationFailed."""
        _refuse_token_in_url(request)
        plaintext = _plaintext(request.headers.get("Authorization", ""))
        if plaintext is None:
            return None
        token = (
            ApiToken.objects.select_related("user", "service_account__responsible")
            .filter(digest=digest_of(plaintext))
            .first()
        )
        if token is None:
            raise exceptions.AuthenticationFailed(
                "This token is unknown. Make a new one on your page.", "token_unknown"
            )
        if token.revoked_at is not None:
            raise exceptions.AuthenticationFailed("This token was revoked. Make a new one.", "token_revoked")
        if not token.usable(clock.now()):
            raise exceptions.AuthenticationFailed("This token has expired. Make a new one.", "token_expired")
        actor = _holder(token, request)
        _note_use(token)
        return actor, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="Countersign"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The signed-in person of a page that fetches from the API; unsafe methods need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Actor, None] | None:
        """The actor of the session. Raises PermissionDenied without a CSRF token, AuthenticationFailed while
        the password is a temporary one."""
        found = super().authenticate(request)
        if found is None:
            return None
        user: Any = found[0]
        if user.password_is_temporary:
            raise exceptions.AuthenticationFailed(
                "Somebody else chose your password. Choose your own on your page first.",
                "password_is_temporary",
            )
        return person_actor(user, via=_via(request), request=_request_id(request)), None

    def enforce_csrf(self, request: Request) -> None:
        """Raises PermissionDenied when the CSRF token is missing or wrong."""
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied:
            raise exceptions.PermissionDenied(
                "A signed-in browser's request needs the header X-CSRFToken. Programs use a token instead.",
                "csrf_failed",
            ) from None


class Authenticated(permissions.BasePermission):
    """Somebody known, who holds what the view declares in at least one team."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Raises NotAuthenticated, Refused with the verdict, ImproperlyConfigured for a view without
        declaration."""
        actor = request.user
        if not isinstance(actor, Actor):
            raise exceptions.NotAuthenticated(
                "Send a token: “Authorization: Bearer cs_…”. Make one on your page."
            )
        if not hasattr(view, "required_permission"):
            raise ImproperlyConfigured(f"{type(view).__name__} does not declare required_permission")
        if request.method == "OPTIONS" or request.method not in view.allowed_methods:
            return True  # the view names its methods, or answers 405
        needed = permission_for(view.required_permission, request.method or "")
        if needed is not None and not actor.holds_anywhere(needed):
            raise Refused(actor.may(needed))
        return True


def _refuse_token_in_url(request: Request) -> None:
    for name, values in request.query_params.lists():
        if name.lower() in _TOKEN_PARAMETERS or any(TOKEN.fullmatch(value) for value in values):
            raise exceptions.AuthenticationFailed(NEVER_IN_A_URL, "token_in_url")


def _plaintext(header: str) -> str | None:
    """The token of an Authorization header; None when it is not of a kind that carries one."""
    kind, _, value = header.strip().partition(" ")
    value = value.strip()
    if kind.lower() == "bearer":
        return _checked(value)
    if kind.lower() == "basic":
        try:
            _, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            password = ""
        return _checked(password)
    return None


def _checked(value: str) -> str:
    if not TOKEN.fullmatch(value):
        raise exceptions.AuthenticationFailed(
            "This is no token of Countersign: it begins with “cs_” and has 46 characters.", "token_malformed"
        )
    return value


def _holder(token: ApiToken, request: Request) -> Actor:
    via, request_id = _via(request), _request_id(request)
    scopes = frozenset(Scope(scope) for scope in token.scopes)
    account = token.service_account
    if account is None:
        user = token.user
        if user is None or not user.is_active:
            raise exceptions.AuthenticationFailed(
                "The person of this token is deactivated.", "holder_inactive"
            )
        return replace(person_actor(user, via=via, request=request_id), scopes=scopes)
    if not account.is_active or not account.responsible.is_active:
        raise exceptions.AuthenticationFailed(
            "This service account is closed, or who answers for it is deactivated. Ask an administrator.",
            "holder_inactive",
        )
    return replace(service_actor(account, via=via, request=request_id), scopes=scopes)


def _note_use(token: ApiToken) -> None:
    """At most once a minute; no state of the token, so no entry tells of it."""
    now = clock.now()
    if token.last_used_at is None or token.last_used_at < now - _USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def _via(request: Request) -> str:
    view = request.parser_context.get("view") if request.parser_context else None
    return getattr(view, "via", "rest")


def _request_id(request: Request) -> str | None:
    return getattr(request._request, "request_id", None)
