"""What a written section says by its form: that it does not apply, and why."""

from __future__ import annotations

import re

SECTION_BYTES_LIMIT = 100_000
_NOT_APPLICABLE = re.compile(
    r"\s*[*_]*not applicable\b[\s.:;,*_\-–—]*(?P<reason>.*)", re.IGNORECASE | re.DOTALL
)


def not_applicable_reason(text: str) -> str | None:
    """The reason of a text that begins with “Not applicable”; None for any other text."""
    found = _NOT_APPLICABLE.fullmatch(text)
    return found["reason"].strip() if found else None


def too_long(title: str, text: str) -> str | None:
    """What to tell somebody whose text no section holds; None where it fits."""
    size = len(text.encode(errors="replace"))
    if size <= SECTION_BYTES_LIMIT:
        return None
    return (
        f"“{title}” has {size:,} bytes; a section holds at most {SECTION_BYTES_LIMIT:,}. Shorten it, or say where "
        "the rest is kept."
    )


def is_bare_not_applicable(text: str) -> bool:
    """Whether the text says “not applicable” and no more."""
    return not_applicable_reason(text) == ""
