"""Filters of a list as chips in the URL: what is chosen can be dropped, what is not is offered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

Choices = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter as the page draws it. `words` are what is chosen (empty: nothing), `without` the URL that drops it,
    `offers` what may be chosen and where that leads."""

    name: str
    chosen: str
    label: str
    words: str
    without: str
    offers: list[tuple[str, str]]


def filters_of(
    request: HttpRequest, stated: Sequence[tuple[str, str, Choices]]
) -> tuple[dict[str, str], list[Filter]]:
    """The chosen values by name, and how the page draws the filters: each is stated as name, label, choices (value
    and words). A value that is none of the choices counts as not chosen."""
    chosen: dict[str, str] = {}
    drawn = []
    for name, label, choices in stated:
        value = request.GET.get(name, "")
        words = dict(choices).get(value, "")
        chosen[name] = value if words else ""
        offers = [(said, _with(request, name, one)) for one, said in choices]
        drawn.append(Filter(name, chosen[name], label, words, _with(request, name, ""), offers))
    return chosen, drawn


def _with(request: HttpRequest, name: str, value: str) -> str:
    """This page with another value of one filter, from its first row."""
    query = request.GET.copy()
    query.pop("at", None)
    query.pop(name, None)
    if value:
        query[name] = value
    return f"?{query.urlencode()}"
