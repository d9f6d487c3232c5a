"""Values that views hand to the components of a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One line of `{% steps %}`: its status kind, what it does, a remark, a count or time, another word."""

    state: str
    text: str
    note: str = ""
    count: str = ""
    word: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a long list for `{% pagination %}`: rows `first` to `last` of `total`.

    `more`: there are more than `total`, nobody counted. A URL is None where the list ends."""

    first: int
    last: int
    total: int
    earlier: str | None = None
    later: str | None = None
    more: bool = False
