"""The tally: the mark that shows, from a digest, what a thing is and whether it was countersigned.

A tally stick was cut along a toothed line and each party kept half. The upper half (ink) is drawn from the
first 16 hex digits of the digest, a tooth each; the lower (pen) from the digest that was *signed*, filled
from the left by required sign-offs. Where the teeth meet, the thing was countersigned; where they do not, the
sign-off is stale.

Geometry: viewBox 0 0 64 20; tooth i spans x 4i to 4i+4 at y = 5 + nibble × 10/15; the halves keep 0.8 apart.
"""

from __future__ import annotations

import re
from enum import StrEnum

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

TEETH = 16
GAP = 0.8
_HEX = re.compile(r"[0-9a-f]{16,}")

# SHA-256 of no bytes: the digest of what does not exist yet.
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class State(StrEnum):
    """How a tally is drawn; see `state_of`."""

    FINGERPRINT = "fingerprint"
    OPEN = "open"
    PART = "part"
    WHOLE = "whole"
    STALE = "stale"
    NOTHING = "nothing"


_WORDS = {
    State.OPEN: "not countersigned",
    State.PART: "partly countersigned",
    State.WHOLE: "countersigned",
    State.STALE: "the countersignature does not match",
}


def plain_hex(digest: str) -> str:
    """The hex digits of a digest, with or without a prefix such as `sha256:`.

    Raises ValueError when there are fewer than 16."""
    value = digest.rpartition(":")[2].lower()
    if not _HEX.fullmatch(value):
        raise ValueError(f"a tally needs a digest of at least 16 hex digits, not {digest!r}")
    return value


def state_of(*, signed: int | None, required: int | None, matches: bool = True) -> State:
    """The state for `signed` of `required` sign-offs that match the current subject.

    No number of required sign-offs: a fingerprint. `matches=False`: another subject was signed."""
    if required is None:
        return State.FINGERPRINT
    if not matches:
        return State.STALE
    if not signed:
        return State.OPEN
    return State.WHOLE if signed >= required else State.PART


def teeth(digest: str) -> list[float]:
    """The 16 heights, from 5 (nibble 0) to 15 (nibble f)."""
    return [5 + int(nibble, 16) * 10 / 15 for nibble in plain_hex(digest)[:TEETH]]


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def upper_half(digest: str, *, gap: float = GAP, left: float = 0, right: float = 64, top: float = 0) -> str:
    """The path of the upper half, from the right end back to the left."""
    heights = [height - gap for height in teeth(digest)]
    steps = "".join(f"V{_number(heights[i])}H{_number(4 * i if i else left)}" for i in reversed(range(TEETH)))
    return f"M{_number(left)} {_number(top)}H{_number(right)}{steps}Z"


def lower_half(
    digest: str,
    *,
    count: int = TEETH,
    gap: float = GAP,
    left: float = 0,
    right: float = 64,
    foot: float = 20,
    closed: bool = True,
) -> str:
    """The path of the lower half over the first `count` teeth; not `closed`: open at the foot."""
    heights = [height + gap for height in teeth(digest)[:count]]
    last = right if count == TEETH else 4 * count
    steps = "".join(
        f"V{_number(h)}H{_number(last if i == count - 1 else 4 * (i + 1))}" for i, h in enumerate(heights)
    )
    return f"M{_number(left)} {_number(foot)}{steps}V{_number(foot)}{'Z' if closed else ''}"


def _path(tone: str, d: str) -> str:
    return f'<path class="c-{tone}" fill="currentColor" d="{d}"/>'


def _dashed_foot(start: int) -> str:
    paint = 'class="c-edge" fill="none" stroke="currentColor" stroke-dasharray="2 2"'
    return f'<path {paint} d="M{start} 19.5H64"/>'


def draw(
    digest: str,
    *,
    state: State = State.FINGERPRINT,
    signed: int = 0,
    required: int = 0,
    signed_digest: str | None = None,
    size: str = "",
    label: str = "",
) -> SafeString:
    """The tally as SVG with `role="img"` and its state in words.

    `size` is "", "md" or "lg"; `label` replaces the words; `signed_digest` is the digest that was signed,
    needed for STALE and by default the same one. Raises ValueError for a bad
    digest or a stale tally without the digest that was signed."""
    if state is State.NOTHING:
        return nothing(label=label)
    if state is State.STALE and signed_digest is None:
        raise ValueError("a stale tally is drawn from the digest that was signed")
    lower = signed_digest or digest
    marks = [_path("ink", upper_half(digest))]
    if state is State.OPEN:
        marks.append(_dashed_foot(0))
    elif state is State.PART:
        count = min(max(round(TEETH * signed / required), 1), TEETH - 1) if required else 1
        marks += [_path("pen", lower_half(lower, count=count)), _dashed_foot(4 * count + 1)]
    elif state is State.WHOLE:
        marks.append(_path("pen", lower_half(lower)))
    elif state is State.STALE:
        edge = lower_half(lower, left=0.6, right=63.4, foot=19.4)
        marks.append(
            f'<path class="c-doubt" fill="none" stroke="currentColor" stroke-width="1.2" d="{edge}"/>'
        )
    return _svg("".join(marks), size, label or words(digest, state, signed, required))


def words(digest: str, state: State, signed: int = 0, required: int = 0) -> str:
    """The state as a person hears it: "Tally 3169f9f0: 1 of 3 sign-offs"."""
    short = plain_hex(digest)[:8]
    if state is State.FINGERPRINT:
        return f"Fingerprint {short}"
    said = f"{signed} of {required} sign-offs" if state is State.PART and required else _WORDS[state]
    return f"Tally {short}: {said}"


def nothing(*, label: str = "") -> SafeString:
    """The tally of nothing, in outline: an empty page."""
    upper = upper_half(NOTHING, left=0.5, right=63.5, top=0.5)
    lower = lower_half(NOTHING, left=0.5, right=63.5, foot=19.5)
    pen = 'class="c-edge" fill="none" stroke="currentColor" stroke-width=".6"'
    marks = f'<path {pen} d="{upper}"/><path {pen} stroke-dasharray="1.6 1.2" d="{lower}"/>'
    return _svg(marks, "", label or "The tally of nothing")


def cut(digest: str, *, ground: str = "penwash", tone: str = "pen") -> SafeString:
    """The cut: the edge between a subject (ink, above) and what is put under it, stretched over a box.

    Only in the seal box (`penwash`, `pen`; plain: `sheet`, `edge`) and the checkpoint strip."""
    upper = upper_half(digest, gap=0)
    edge = lower_half(digest, gap=0, closed=False)
    return format_html(
        '<svg class="cut" viewBox="0 0 64 20" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="c-{}" fill="currentColor" d="M0 0H64V20H0Z"/>'
        '<path class="c-ink" fill="currentColor" d="{}"/>'
        '<path class="c-{}" fill="none" stroke="currentColor" stroke-width="2" '
        'vector-effect="non-scaling-stroke" d="{}"/></svg>',
        ground,
        upper,
        tone,
        edge,
    )


def checkpoint_cut(digest: str) -> SafeString:
    """The cut above a checkpoint strip: teeth of the digest of its root, rising out of the ink of the strip."""
    return format_html(
        '<svg class="cut" viewBox="0 0 64 20" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="c-ink" fill="currentColor" d="M0 0H64V20H0Z"/>'
        '<path class="c-paper" fill="currentColor" d="{}"/></svg>',
        upper_half(digest, gap=0),
    )


def _svg(marks: str, size: str, label: str) -> SafeString:
    return format_html(
        '<svg class="tally{}" viewBox="0 0 64 20" role="img" aria-label="{}" '
        'shape-rendering="crispEdges">{}</svg>',
        f" {size}" if size else "",
        label,
        mark_safe(marks),  # noqa: S308 - paths of numbers
    )
