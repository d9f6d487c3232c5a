"""Paths in manifests: one spelling each, that means the same on every system and can never lead out of a
folder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from countersign.errors import Invalid
from countersign.identifiers import fold

PATH_LIMIT = 500
SEGMENT_LIMIT = 255
"""Bytes in UTF-8: what file systems hold."""
FILES_LIMIT = 2_000

_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
# Characters that are drawn like a separator; those that NFKC turns into one are found by the second look.
_DRAWN_LIKE_SEPARATORS = frozenset("\u2044\u2215\u29f8\u2571\u2216\u29f5\u29f9\u2572\ua789\u2236")


def manifest_path(raw: str) -> str:
    """The path in its one form: NFC, relative, segments joined by `/`. Nothing is repaired but the form of
    letters.

    Raises Invalid (bad_path) with the reason."""
    if not isinstance(raw, str) or not raw:
        raise _bad("", "it is empty")
    if len(raw) > PATH_LIMIT:
        raise _bad(raw, f"it has {len(raw):,} characters, at most {PATH_LIMIT} are taken")
    path = unicodedata.normalize("NFC", raw)
    if len(path) > PATH_LIMIT:
        raise _bad(raw, f"it has more than {PATH_LIMIT} characters")
    if _DRAWN_LIKE_SEPARATORS.intersection(path):
        raise _bad(raw, "it holds a character that looks like a separator")
    _look(raw, path)
    compatible = unicodedata.normalize("NFKC", path)  # to some file systems a full-width dot is a dot
    if compatible.count("/") != path.count("/"):
        raise _bad(raw, "it holds a character that looks like a separator")
    _look(raw, compatible)
    return path


def _look(raw: str, path: str) -> None:
    if any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for character in path
    ):
        raise _bad(raw, "it holds a control or invisible character")
    if "\\" in path:
        raise _bad(raw, "it holds a backslash; separate folders by /")
    if path.startswith("/"):
        raise _bad(raw, "it is absolute; begin with the first folder or the file")
    if ":" in path:
        raise _bad(raw, "it holds a colon, which names a drive or a stream on some systems")
    if _PERCENT.search(path):
        raise _bad(raw, "it holds a percent escape; send the characters themselves")
    for segment in path.split("/"):
        if not segment:
            raise _bad(raw, "it has an empty segment")
        if segment in (".", ".."):
            raise _bad(raw, f"it has the segment “{segment}”")
        if segment[-1] in ". " or segment[0] == " " or segment != segment.strip():
            raise _bad(raw, "a segment begins or ends with a space, or ends with a dot")
        if len(segment.encode()) > SEGMENT_LIMIT:
            raise _bad(raw, f"a segment has more than {SEGMENT_LIMIT} bytes")


def manifest_paths(raw: Iterable[str]) -> list[str]:
    """Every path in its one form, in the order given. Raises Invalid (bad_path) also where two paths are one
    file on a system that does not tell case apart, where a file is a folder too, or beyond 2,000 files."""
    paths = [manifest_path(path) for path in raw]
    if len(paths) > FILES_LIMIT:
        raise Invalid(
            f"A version has at most {FILES_LIMIT:,} files; these are {len(paths):,}.", code="bad_path"
        )
    seen: dict[str, str] = {}
    for path in paths:
        if (compared := fold(path)) in seen:
            raise _bad(path, f"“{seen[compared][:80]}” is the same file on some systems")
        seen[compared] = path
    for path in paths:
        parent = path
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if fold(parent) in seen:
                raise _bad(path, f"“{parent[:80]}” is a file too")
    return paths


def _bad(raw: str, why: str) -> Invalid:
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in raw[:80])
    return Invalid(
        f"The file path “{shown}{'…' if len(raw) > 80 else ''}” is refused: {why}.",
        fields={"files": [f"Path refused: {why}."]},
        code="bad_path",
    )
