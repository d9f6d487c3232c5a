"""What stands in the top bar: nouns, search, and the person's own menu.

Each layer registers its own nouns in `AppConfig.ready()`; a noun whose URL does not resolve is not shown,
so a page that does not exist yet leaves no dead link. The nouns never grow: what has no noun hangs under one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

Count = Callable[[HttpRequest], int | None]


@dataclass(frozen=True, slots=True)
class Noun:
    """One word of the top bar. `count` gives how many things wait there (0 and None print nothing); `key` is
    the letter that follows G on the keyboard."""

    label: str
    url_name: str
    order: int
    count: Count | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A noun as one request sees it. `current` is the value of `aria-current`: `page` at its own URL, `true`
    on a page below it, empty elsewhere."""

    label: str
    url: str
    count: int | None
    key: str | None
    current: str


@dataclass(frozen=True, slots=True)
class Account:
    """Where a person finds their own page and the ways in and out (URL names)."""

    profile: str
    sign_in: str
    sign_out: str


_nouns: dict[str, Noun] = {}
_search: list[str] = []
_account: list[Account] = []


def register(
    *, label: str, url_name: str, order: int, count: Count | None = None, key: str | None = None
) -> None:
    """Add a noun. The same label registered again replaces the first, so `ready()` may run twice."""
    _nouns[label] = Noun(label, url_name, order, count, key)


def register_search(*, url_name: str) -> None:
    """Name the search page; until then the top bar has no search."""
    _search[:] = [url_name]


def register_account(*, profile: str, sign_in: str, sign_out: str) -> None:
    """Name the profile page, the sign-in page and the sign-out action (a POST)."""
    _account[:] = [Account(profile, sign_in, sign_out)]


def url_of(name: str) -> str | None:
    """The URL of a name without arguments, or None when it does not exist."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return None


def search_url() -> str | None:
    """Where to search, if anywhere."""
    return url_of(_search[0]) if _search else None


def account_urls() -> dict[str, str | None]:
    """`profile`, `sign_in` and `sign_out`, each None where it does not exist."""
    if not _account:
        return {"profile": None, "sign_in": None, "sign_out": None}
    names = _account[0]
    return {
        "profile": url_of(names.profile),
        "sign_in": url_of(names.sign_in),
        "sign_out": url_of(names.sign_out),
    }


def entries(request: HttpRequest) -> list[Entry]:
    """The nouns of this request in order, with counts."""
    shown = []
    for noun in sorted(_nouns.values(), key=lambda noun: (noun.order, noun.label)):
        url = url_of(noun.url_name)
        if url is None:
            continue
        count = noun.count(request) if noun.count else None
        shown.append(Entry(noun.label, url, count, noun.key, _current(request.path, url)))
    return shown


def _current(path: str, url: str) -> str:
    if path == url:
        return "page"
    # The root is above everything, so being below it says nothing.
    return "true" if url != "/" and path.startswith(url.rstrip("/") + "/") else ""
