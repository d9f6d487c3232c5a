"""Who asks, and what a page says when the answer is no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.urls import reverse

from countersign import refusals
from countersign.accounts.authentication import NEVER_IN_A_URL, TOKEN
from countersign.accounts.queries import administrators, owners_of, person_actor
from countersign.api import problems
from countersign.errors import CountersignError, Invalid, Refused
from countersign.verdicts import Verdict
from countersign.web.errors import error_page, method_not_allowed, refusal
from countersign.web.guards import actor_or_none
from countersign.web.render import SeeOther

Handler = Callable[[HttpRequest], HttpResponseBase]

API_PREFIX = "/api/"
NAMED = 5
"""Of many owners or administrators, so many are named."""
# Where somebody with a temporary password may go: to choose their own, or out.
_OPEN_WITH_TEMPORARY_PASSWORD = frozenset({"accounts:password", "accounts:sign-out", "accounts:sign-in"})


class ActorMiddleware:
    """Sets `request.actor` from the session: the person with the grants held now, or None. Tokens are the
    API's."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user: Any = request.user
        request.actor = (  # type: ignore[attr-defined]
            person_actor(user, via="page", request=getattr(request, "request_id", None))
            if user.is_authenticated
            else None
        )
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Somebody whose password was chosen by another goes nowhere but to choose their own."""
        user: Any = request.user
        if not user.is_authenticated or not user.password_is_temporary or request.path.startswith(API_PREFIX):
            return None
        match = request.resolver_match
        if match is not None and match.view_name in _OPEN_WITH_TEMPORARY_PASSWORD:
            return None
        return SeeOther(reverse("accounts:password"))


class RefusalMiddleware:
    """The one boundary that turns our errors into pages: 403 with every reason and whom to ask, 404, 409,
    422.

    A refusal of a signed-in person is recorded here; the API's handler does the same for its own."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return self._say(
                request, Invalid("The URL holds a character that no name has.", code="bad_request")
            )
        if request.path.startswith(API_PREFIX):
            return self.get_response(request)  # the API refuses a token in the URL with its own 401
        if TOKEN.search(request.META.get("QUERY_STRING", "")):
            return self._say(request, CountersignError(NEVER_IN_A_URL, code="token_in_url"))
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed):
            return method_not_allowed(request, response["Allow"])
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """A page for a CountersignError; anything else is Django's to report."""
        if not isinstance(exception, CountersignError):
            return None
        if isinstance(exception, Refused):
            refusals.record(
                actor_or_none(request), exception.verdict, attempted=f"{request.method} {request.path}"
            )
        return self._say(request, exception)

    def _say(self, request: HttpRequest, error: CountersignError) -> HttpResponse:
        if request.path.startswith(API_PREFIX):
            return problems.respond(request, error)
        if not isinstance(error, Refused):
            return error_page(request, error)
        response = refusal(request, error.verdict, code=error.code, ask=whom_to_ask(error.verdict))
        response.status_code = error.status
        if wait := getattr(error, "retry_after", None):
            response["Retry-After"] = str(wait)
        return response


def whom_to_ask(verdict: Verdict) -> list[tuple[str, str]]:
    """Where a role is what is missing: the owners of the team it is about, and the administrators, by name."""
    missing = [reason for reason in verdict.reasons if reason.code == "permission_missing"]
    if not missing:
        return []
    teams = {UUID(team) for reason in missing if (team := (reason.looked_at or {}).get("team"))}
    asked = [
        (f"Owners of {team}", ", ".join(str(user) for user in owners) or "none yet")
        for team, owners in owners_of(teams).items()
    ]
    names = ", ".join(str(user) for user in administrators()[:NAMED])
    return [*asked, ("Administrators, who grant roles", names or "none yet")]
