"""What changed between two texts, word by word, as people read it: struck out, underlined, and counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

Kind = Literal["same", "removed", "added"]
Run = tuple[Kind, list[str]]

FOLDED_BELOW = 3
"""Fewer equal words than this between two changes belong to the change: crumbs of agreement help nobody read."""
CHANGES_FOLLOWED = 800
"""Words that went and came. Beyond it whole lines are compared, then nothing: the work grows with its square."""
_WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words that stayed, went or came, with the spaces after them."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """The difference of two texts. `places` counts the places that changed, `removed` and `added` words."""

    pieces: tuple[Piece, ...]
    places: int
    removed: int
    added: int

    @property
    def html(self) -> SafeString:
        """`del` and `ins` with hidden words for who hears the page, and the lines of the text."""
        return format_html_join("", "{}", ((_drawn(piece),) for piece in self.pieces))


def words_between(before: str, after: str) -> Words:
    """What has to go and to come to make `after` of `before`."""
    # Every word has its space: one that was the last may stand before another now.
    old, new = (_WORD.findall(f"{text} " if text else "") for text in (before, after))
    runs = _runs(old, new) or _runs(*(text.splitlines(keepends=True) for text in (before, after)))
    pieces = _folded(runs or [("removed", old), ("added", new)])
    shown = tuple(Piece(kind, "".join(words)) for kind, words in pieces if words)
    return Words(
        pieces=shown,
        places=sum(
            piece.kind != "same" and (number == 0 or shown[number - 1].kind == "same")
            for number, piece in enumerate(shown)
        ),
        removed=sum(len(piece.text.split()) for piece in shown if piece.kind == "removed"),
        added=sum(len(piece.text.split()) for piece in shown if piece.kind == "added"),
    )


def _runs(old: list[str], new: list[str]) -> list[Run]:
    """The shortest way from one list to the other (Myers, An O(ND) Difference Algorithm, 1986); empty where it
    takes more than CHANGES_FOLLOWED steps."""
    mine, theirs = [word.strip() for word in old], [word.strip() for word in new]
    furthest = {1: 0}
    trail: list[dict[int, int]] = []
    for steps in range(min(len(old) + len(new), CHANGES_FOLLOWED) + 1):
        trail.append(furthest.copy())
        for diagonal in range(-steps, steps + 1, 2):
            came = _came(furthest, diagonal, steps)
            x = furthest[diagonal + 1] if came else furthest[diagonal - 1] + 1
            while (y := x - diagonal) < len(theirs) and x < len(mine) and mine[x] == theirs[y]:
                x += 1
            furthest[diagonal] = x
            if x >= len(mine) and y >= len(theirs):
                return _walked_back(trail, old, new)
    return []


def _came(furthest: dict[int, int], diagonal: int, steps: int) -> bool:
    """Whether the step that leads furthest on this diagonal is a word that came, and not one that went."""
    return diagonal == -steps or (diagonal != steps and furthest[diagonal - 1] < furthest[diagonal + 1])


def _walked_back(trail: list[dict[int, int]], old: list[str], new: list[str]) -> list[Run]:
    x, y = len(old), len(new)
    runs: list[Run] = []
    for steps in range(len(trail) - 1, -1, -1):
        furthest, diagonal = trail[steps], x - y
        came = _came(furthest, diagonal, steps)
        before = diagonal + 1 if came else diagonal - 1
        while x > furthest[before] and y > furthest[before] - before:
            x, y = x - 1, y - 1
            _put(runs, "same", new[y])
        if steps:
            _put(runs, "added" if came else "removed", new[y - 1] if came else old[x - 1])
            x, y = furthest[before], furthest[before] - before
    return [(kind, words[::-1]) for kind, words in reversed(runs)]


def _put(runs: list[Run], kind: Kind, word: str) -> None:
    if runs and runs[-1][0] == kind:
        runs[-1][1].append(word)
    else:
        runs.append((kind, [word]))


def _folded(runs: list[Run]) -> list[Run]:
    """Runs with the crumbs between two changes folded into one change: what went first, then what came."""
    folded: list[Run] = []
    removed: list[str] = []
    added: list[str] = []
    runs = [(kind, words) for kind, words in runs if words]
    for number, (kind, words) in enumerate(runs):
        between = 0 < number < len(runs) - 1 and bool(removed or added)
        count = sum(len(word.split()) for word in words)
        if kind == "removed" or (kind == "same" and between and count < FOLDED_BELOW):
            removed += words
        if kind == "added" or (kind == "same" and between and count < FOLDED_BELOW):
            added += words
        if kind == "same" and not (between and count < FOLDED_BELOW):
            folded += [("removed", removed), ("added", added), ("same", words)]
            removed, added = [], []
    return [*folded, ("removed", removed), ("added", added)]


def _drawn(piece: Piece) -> SafeString:
    if piece.kind == "same":
        return _with_breaks(piece.text)
    name = "del" if piece.kind == "removed" else "ins"
    text = _with_breaks(piece.text.rstrip(" "))
    return format_html('<{0}><span class="vh">{1}: </span>{2}</{0}> ', name, piece.kind, text)


def _with_breaks(text: str) -> SafeString:
    return mark_safe(escape(text).replace("\n", "<br>"))  # noqa: S308 - escaped
