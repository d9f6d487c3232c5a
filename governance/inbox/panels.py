"""The nouns of the top bar that governance adds."""

from __future__ import annotations

from django.http import HttpRequest

from countersign.web import navigation
from governance.inbox.queries import waiting_count


def _count(request: HttpRequest) -> int | None:
    actor = getattr(request, "actor", None)
    return waiting_count(actor) if actor is not None else None


navigation.register(label="Inbox", url_name="inbox", order=10, count=_count, key="i")
navigation.register(label="Reviews", url_name="governance:reviews", order=40, key="r")
