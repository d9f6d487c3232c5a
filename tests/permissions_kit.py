"""How tests/test_permissions.py asks: the columns of the table, a browser or a program for each, the mark of an answer.
What they ask about is in tests/permissions_world.py."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import URLPattern, URLResolver, reverse

from countersign.accounts.models import User
from countersign.permissions import Role

TEAM = (Role.VIEWER, Role.CONTRIBUTOR, Role.REVIEWER, Role.APPROVER, Role.OWNER)
INSTANCE = (Role.COMPLIANCE, Role.AUDITOR, Role.ADMINISTRATOR)
COLUMNS = (
    *(f"{role} of the own team" for role in TEAM),
    *(f"{role} of a foreign team" for role in TEAM),
    *INSTANCE,
    "somebody without a role",
    "nobody (not signed in)",
    "an owner's token without scopes",
    "an owner's token that may read",
)
GROUPS = (len(TEAM), len(TEAM), len(INSTANCE), 1, 1, 2)

JSON = "application/json"


class _Quiet(Client):
    """A client that keeps cookies and nothing else: no copy of every template's context."""

    def request(self, **request: Any) -> Any:
        """The response as the handler gives it, a fault as its page."""
        response = self.handler(self._base_environ(**request))
        self.cookies.update(response.cookies)
        return response


class Asker:
    """A browser in which this person (or nobody) is signed in, or a program with a token."""

    def __init__(self, user: User | None, token: str = "") -> None:
        self.user = user
        self.client = _Quiet(headers={"Authorization": f"Bearer {token}"} if token else {})
        self.session = ""

    def ask(self, method: str, url: str, body: Any, *, rest: bool) -> Any:
        """The answer of one request; whatever it wrote is taken back, a session it ended is begun again."""
        cookie = self.client.cookies.get(settings.SESSION_COOKIE_NAME)
        if self.user is not None and (cookie is None or cookie.value != self.session):
            self.client.force_login(self.user)
            self.session = self.client.cookies[settings.SESSION_COOKIE_NAME].value
        save = transaction.savepoint()
        try:
            return self.client.generic(method, url, **_sent(body, rest=rest))
        finally:
            transaction.savepoint_rollback(save)


def _sent(body: Any, *, rest: bool) -> dict[str, Any]:
    if isinstance(body, bytes):
        return {"data": body, "content_type": "application/octet-stream"}
    if body is None:
        return {}
    if rest and not any(isinstance(value, SimpleUploadedFile) for value in body.values()):
        return {"data": json.dumps(body, default=str), "content_type": JSON}
    for value in body.values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
    return {"data": encode_multipart(BOUNDARY, body), "content_type": MULTIPART_CONTENT}


def is_rest(name: str) -> bool:
    """Whether a route is one of the API's."""
    return ":api-" in name


def methods_of(view: Any) -> list[str]:
    """The methods a view answers, without HEAD and OPTIONS."""
    if (cls := getattr(view, "cls", None)) is not None:
        return [
            method.upper()
            for method in cls.http_method_names
            if hasattr(cls, method) and method not in ("head", "options")
        ]
    found: list[str] = []
    while view is not None:
        names = getattr(getattr(view, "__code__", None), "co_freevars", ())
        if "request_method_list" in names:  # django.views.decorators.http
            found = list(view.__closure__[names.index("request_method_list")].cell_contents)
        view = getattr(view, "__wrapped__", None)
    return [method for method in found if method != "HEAD"]


def patterns(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern with its full name."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from patterns(pattern, inner)
        else:
            yield f"{namespace}{pattern.name or pattern.pattern}", pattern


def mark_of(response: Any) -> str:
    """+ answered (also “not so”: 400, 409, 422, and 503 of /readyz), - refused with reasons, . unseen, > sign in
    first; what else there is, a fault above all, stands as its status."""
    status: int = response.status_code
    to_sign_in = status == 303 and response["Location"].startswith(reverse("accounts:sign-in"))
    if status == 401 or to_sign_in:
        return ">"
    if status == 404:
        return "."
    if status == 403:
        return "-" if _says_why(response) else "(403 without a reason)"
    if status < 400 or status in (400, 409, 412, 413, 415, 422, 503):
        return "+"
    return f"({status})"


def _says_why(response: Any) -> bool:
    if response["Content-Type"].startswith("application/"):
        problem: Mapping[str, Any] = json.loads(response.content)
        return bool(problem["code"] and problem["reasons"])
    return b'class="reasons"' in response.content or b"notice refuse" in response.content


def row_of(name: str, method: str, marks: list[str]) -> str:
    """A line of the table."""
    groups, rest = [], marks
    for size in GROUPS:
        groups.append("".join(rest[:size]))
        rest = rest[size:]
    return f"{name:<44} {method:<6} " + "  ".join(groups)
