"""docs/audit-bundle.md says what a bundle holds, what is checked and what is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from countersign.ledger.offline import verify
from governance.export.contents.readme import CANNOT_BE_PROVEN
from tests.test_governance.export_kit import Exported, files_of

DOCS = (Path(__file__).parents[2] / "docs" / "audit-bundle.md").read_text(encoding="utf-8")
PARTS = (
    (r"models/[^/]+/\d+/evidence/\d+/", "models/NAME/N/evidence/E/"),
    (r"models/[^/]+/\d+/card/\d+", "models/NAME/N/card/R"),
    (r"models/[^/]+/\d+/", "models/NAME/N/"),
    (r"reviews/\d+/", "reviews/N/"),
    (r"policies/[^/]+/\d+", "policies/NAME/R"),
)


@pytest.mark.parametrize("sentence", CANNOT_BE_PROVEN)
def test_it_says_what_cannot_be_proven(sentence: str) -> None:
    assert f"\n- {sentence}\n" in DOCS


def test_it_names_every_member(exported: Exported) -> None:
    table = DOCS.split("## What is where")[1].split("### What is left out")[0]
    for path in files_of(exported.model):
        named = path
        for pattern, words in PARTS:
            named = re.sub(f"^{pattern}", words, named)
        last = named.rsplit("/", 1)[-1]
        assert f"`{named}`" in table or f"`{last}`" in table, named


def test_it_explains_every_line_the_verifier_prints(exported: Exported) -> None:
    table = DOCS.split("### What it compares")[1].split("## What is where")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.M)
    assert len(rows) == len(verify.CHECKS)
    for line, row in zip(exported.model_said.splitlines(), rows, strict=False):
        words = [word.replace("HOST", "countersign.example") for word in re.findall(r"`([^`]+)`", row)]
        assert line.startswith(tuple(words)), f"{line} is not explained by {row}"
