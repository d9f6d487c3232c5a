"""What changed between two texts, word by word: read as prose, folded, counted, and never slow."""

from __future__ import annotations

import time

import pytest

from governance.cards.words import words_between


@pytest.mark.parametrize(
    ("before", "after", "html", "counts"),
    [
        ("", "", "", (0, 0, 0)),
        ("Watched each quarter.", "Watched each quarter.", "Watched each quarter. ", (0, 0, 0)),
        (
            "Watched each quarter.",
            "Watched each month.",
            'Watched each <del><span class="vh">removed: </span>quarter.</del> '
            '<ins><span class="vh">added: </span>month.</ins> ',
            (1, 1, 1),
        ),
        ("", "New words", '<ins><span class="vh">added: </span>New words</ins> ', (1, 0, 2)),
        ("Old words", "", '<del><span class="vh">removed: </span>Old words</del> ', (1, 2, 0)),
        (
            "a b c d e f",
            "a X c d Y f",
            'a <del><span class="vh">removed: </span>b c d e</del> '
            '<ins><span class="vh">added: </span>X c d Y</ins> f ',
            (1, 4, 4),
        ),
        (
            "a b c d e f g",
            "a X c d e Y g",
            'a <del><span class="vh">removed: </span>b</del> <ins><span class="vh">added: </span>X</ins> c d e '
            '<del><span class="vh">removed: </span>f</del> <ins><span class="vh">added: </span>Y</ins> g ',
            (2, 2, 2),
        ),
        ("one\n\ntwo", "one\n\ntwo more", 'one<br><br>two <ins><span class="vh">added: </span>more</ins> ', (1, 0, 1)),
        ("x", "<script>alert(1)</script>", '<del><span class="vh">removed: </span>x</del> '
         '<ins><span class="vh">added: </span>&lt;script&gt;alert(1)&lt;/script&gt;</ins> ', (1, 1, 1)),
    ],
)  # fmt: skip
def test_the_difference_reads_as_prose(
    before: str, after: str, html: str, counts: tuple[int, int, int]
) -> None:
    found = words_between(before, after)
    assert str(found.html) == html
    assert (found.places, found.removed, found.added) == counts


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a " * 50_000, "b " * 50_000),
        ("z\n" + "a\n" * 30_000, "y\n" + "a\nb\n" * 20_000),
        ("x" * 100_000, "y z " * 25_000),
    ],
)
def test_texts_made_to_be_slow_are_not(before: str, after: str) -> None:
    began = time.process_time()
    found = words_between(before, after)
    assert time.process_time() - began < 10
    assert "".join(piece.text for piece in found.pieces if piece.kind != "removed").split() == after.split()
    assert "".join(piece.text for piece in found.pieces if piece.kind != "added").split() == before.split()
