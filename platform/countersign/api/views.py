"""The base of every REST view, and the two public views about the API itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from countersign.actors import Actor
from countersign.api import conditions, limits
from countersign.api.bodies import hold_chunks
from countersign.api.pagination import NewestFirst
from countersign.permissions import Declared

POLL_SECONDS = 2


class ActorAPIView(APIView):
    """A view that knows who asks: `self.actor`, also `request.actor` and `request.user`.

    Subclasses declare `required_permission`; without it every request is a server error, never an open door.
    It is asked of any team: what a thing of one team needs is asked again where the thing is got
    (`access`)."""

    required_permission: ClassVar[Declared]
    via: ClassVar[str] = "rest"
    kept: ClassVar[str] = "private, no-cache"
    """Cache-Control of what is read: kept by who asked, and asked for again each time, which the ETag makes cheap.
    `no-store` where it tells of people."""
    pagination_class: type[BasePagination] = NewestFirst
    metadata_class = None  # OPTIONS names the methods and no more; openapi.json does

    @property
    def actor(self) -> Actor:
        """Who asks."""
        actor: Actor = self.request.user  # type: ignore[assignment]
        return actor

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Everything that is asked before the body is read."""
        super().initial(request, *args, **kwargs)
        hold_chunks(request._request)

    def perform_authentication(self, request: Request) -> None:
        """Make the actor known to whatever stands around the view, and count the request: a stranger's, and a
        token's that opens nothing, for its address. Raises Throttled."""
        try:
            super().perform_authentication(request)
        except AuthenticationFailed:
            limits.count(request._request, None)
            raise
        limits.count(request._request, request.user)  # type: ignore[arg-type]  # None: Authenticated answers 401
        request.actor = request._request.actor = request.user  # type: ignore[attr-defined]

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """The methods of this path, in `Allow`."""
        return Response(status=204)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """With the headers that tell caches what they may keep, and the ETag."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if not response.has_header("Cache-Control"):
            read = request.method in ("GET", "HEAD") and response.status_code < 400
            response["Cache-Control"] = self.kept if read else "no-store"
        patch_vary_headers(response, ("Authorization", "Cookie"))
        limits.tell(request._request, response)
        conditions.mark(self, request._request, response)
        return response

    def made(self, body: Any, at: str) -> Response:
        """201: something was made, and is found `at` this path."""
        return Response(body, status=201, headers={"Location": at})

    def under_way(self, body: Any, job: UUID) -> Response:
        """202: a job does it. `Location` is where to ask how far it is, `Retry-After` how soon."""
        return Response(
            body, status=202, headers={"Location": f"/api/v1/jobs/{job}", "Retry-After": str(POLL_SECONDS)}
        )

    def page(
        self, queryset: QuerySet[Any] | Sequence[Any], serializer: type[BaseSerializer[Any]]
    ) -> Response:
        """One page of a list, newest first, or all of it: see pagination. Raises Invalid for a wrong cursor or
        size."""
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(queryset, self.request, self)
        return paginator.get_paginated_response(
            serializer(rows, many=True, context={"actor": self.actor}).data
        )


class Document(SpectacularJSONAPIView):
    """The OpenAPI document, to anybody; drawing it costs, so each address is counted."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raises Throttled."""
        super().initial(request, *args, **kwargs)
        limits.count(request._request, None)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """With what is left."""
        response = super().finalize_response(request, response, *args, **kwargs)
        limits.tell(request._request, response)
        return response


_ROW = re.compile(
    r"^\| `(?P<code>[a-z_]+)` \| (?P<status>\d+) \| (?P<meaning>.+?) \| (?P<mend>.+?) \|$", re.MULTILINE
)


@cache
def error_codes() -> list[dict[str, str]]:
    """The rows of the table of error codes in docs/api.md, where `type` of a problem leads; `anchor` names
    the first row of a code, since one code may come with several statuses."""
    rows = [row.groupdict() for row in _ROW.finditer((settings.ROOT / "docs" / "api.md").read_text("utf-8"))]
    seen: set[str] = set()
    for row in rows:
        row["anchor"] = "" if row["code"] in seen else row["code"]
        seen.add(row["code"])
    return rows


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """What each error code means and what to do; public, as the bodies that lead here are."""
    return render(request, "api/docs.html", {"codes": error_codes()})
