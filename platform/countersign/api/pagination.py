"""Lists of the API: newest first, by cursor, at most 200 at once; or whole.

UUIDs of version 7 sort by the time they were made, so the primary key is the order and has no ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.errors import Invalid


class NewestFirst(CursorPagination):
    """`?page_size=` from 1 to 200 (50), `?cursor=` as `next` and `previous` give it. Nothing is counted."""

    ordering = "-pk"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    template = None  # there is no browsable page to draw

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: Any = None
    ) -> list[Any] | None:
        """One page. Raises Invalid for a cursor or a size that is none of ours."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValidationError, ValueError):
            sentence = "This cursor is none of ours. Start again without one."
            raise Invalid(sentence, fields={"cursor": [sentence]}, code="invalid_cursor") from None

    def get_page_size(self, request: Request) -> int:
        """The size asked for. Raises Invalid outside 1 to 200."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked[:9]) <= self.max_page_size:
            sentence = f"page_size is a whole number from 1 to {self.max_page_size}."
            raise Invalid(sentence, fields={"page_size": [sentence]}, code="invalid_page_size")
        return int(asked)


class Whole(BasePagination):
    """A list that is short by nature: all of it, in an order of its own, in the same shape as the others."""

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: Any = None
    ) -> list[Any]:
        """Every row."""
        return list(queryset)

    def get_paginated_response(self, data: Any) -> Response:
        """With `next` and `previous` null."""
        return Response({"next": None, "previous": None, "results": data})

    def get_paginated_response_schema(self, schema: Any) -> Any:
        """As for pages."""
        return CursorPagination().get_paginated_response_schema(schema)

    def get_schema_operation_parameters(self, view: Any) -> list[Any]:
        """There is nothing to choose."""
        return []
