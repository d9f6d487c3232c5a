"""The tally draws what was signed, and two different things never look whole together."""

from __future__ import annotations

import hashlib
import re

import pytest

from countersign.web import tally

DIGEST = "3169f9f0eb4599e177055e8c638a4377b338b34d4fd81549da3b74cdd04e6362"
OTHER = hashlib.sha256(b"other").hexdigest()


def test_upper_half_follows_the_first_sixteen_digits() -> None:
    path = tally.upper_half(DIGEST)
    assert path == (
        "M0 0H64V4.87H60V13.53H56V10.2H52V10.2H48V7.53H44V6.87H40V11.53H36V13.53H32V4.2H28V14.2H24V10.2H20"
        "V14.2H16V10.2H12V8.2H8V4.87H4V6.2H0Z"
    )


def test_halves_keep_their_distance_on_every_tooth() -> None:
    upper = [float(y) for y in re.findall(r"V([\d.]+)", tally.upper_half(DIGEST))][::-1]
    lower = [float(y) for y in re.findall(r"V([\d.]+)", tally.lower_half(DIGEST))][:16]
    assert all(low - up == pytest.approx(1.6, abs=0.02) for up, low in zip(upper, lower, strict=True))


@pytest.mark.parametrize(
    ("signed", "required", "matches", "state"),
    [
        (None, None, True, tally.State.FINGERPRINT),
        (0, 3, True, tally.State.OPEN),
        (1, 3, True, tally.State.PART),
        (3, 3, True, tally.State.WHOLE),
        (4, 3, True, tally.State.WHOLE),
        (3, 3, False, tally.State.STALE),
    ],
)
def test_state_follows_from_the_sign_offs(
    signed: int | None, required: int | None, matches: bool, state: tally.State
) -> None:
    assert tally.state_of(signed=signed, required=required, matches=matches) is state


def test_part_is_filled_from_the_left_and_never_whole() -> None:
    third = tally.draw(DIGEST, state=tally.State.PART, signed=1, required=3)
    assert 'H20V20Z"' in third, "five of sixteen teeth for one of three"
    assert 'd="M21 19.5H64"' in third, "the rest is an open foot"
    assert "1 of 3 sign-offs" in third
    almost = tally.draw(DIGEST, state=tally.State.PART, signed=99, required=100)
    assert "H60V20Z" in almost


def test_stale_is_drawn_from_the_digest_that_was_signed() -> None:
    drawn = tally.draw(DIGEST, state=tally.State.STALE, signed_digest=OTHER)
    assert "c-doubt" in drawn
    assert "c-pen" not in drawn
    assert tally.lower_half(OTHER, left=0.6, right=63.4, foot=19.4) in drawn
    assert "does not match" in drawn
    with pytest.raises(ValueError, match="digest that was signed"):
        tally.draw(DIGEST, state=tally.State.STALE)


@pytest.mark.parametrize("digest", ["", "sha256:", "3169", "g" * 64, "3169f9f0eb4599e"])
def test_a_tally_of_no_digest_is_refused(digest: str) -> None:
    with pytest.raises(ValueError, match="16 hex digits"):
        tally.draw(digest)


def test_a_prefix_does_not_change_the_mark() -> None:
    assert tally.draw(f"sha256:{DIGEST}") == tally.draw(DIGEST)


def test_words_are_escaped() -> None:
    assert "<b>" not in tally.draw(DIGEST, label="<b>")
