"""The canonical encoder: equal to RFC 8785 inside its closed set, and closed."""

from __future__ import annotations

import enum
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.canonical import (
    DEPTH_LIMIT,
    INTEGER_LIMIT,
    SIZE_LIMIT,
    NotCanonical,
    canonical,
    digest,
    is_canonical,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "json-canonicalization.json").read_text())

text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
keys = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-INTEGER_LIMIT, INTEGER_LIMIT) | text
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)


@given(values)
@settings(max_examples=500, deadline=None)
def test_bytes_equal_rfc_8785_and_are_recognised(value: Any) -> None:
    encoded = canonical(value)
    assert encoded == rfc8785.dumps(value)
    assert json.loads(encoded) == value
    assert is_canonical(encoded)


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_published_vectors(name: str) -> None:
    vector = VECTORS[name]
    value = json.loads(vector["input"])
    if vector["refused"]:
        with pytest.raises(NotCanonical):
            canonical(value)
    else:
        assert canonical(value).decode() == vector["output"]


class Colour(enum.StrEnum):
    RED = "red"


class Text(str):
    pass


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (1.0, "float"),
        (float("nan"), "float"),
        ({"a": [0.5]}, "float"),
        (INTEGER_LIMIT + 1, "string"),
        (-INTEGER_LIMIT - 1, "string"),
        (("a",), "tuple"),
        ({"a"}, "set"),
        (b"bytes", "bytes"),
        (datetime(2026, 3, 3, tzinfo=UTC), "datetime"),
        (uuid.UUID(int=1), "UUID"),
        (Colour.RED, "Colour"),
        (Text("a"), "Text"),
        ("nul\0", "NUL"),
        ("\ud800", "surrogates|UTF-8|utf-8"),
        ({"clé": 1}, "ASCII"),
        ({"nul\0": 1}, "ASCII"),
        ({1: 1}, "ASCII"),
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any, says: str) -> None:
    with pytest.raises(NotCanonical, match=says):
        canonical({"a": value})


def test_depth_and_size_are_limited() -> None:
    nested: Any = 1
    for _ in range(DEPTH_LIMIT):
        nested = [nested]
    assert canonical(nested)
    for deeper in ([nested], {"a": nested}):
        with pytest.raises(NotCanonical, match="nested"):
            canonical(deeper)
    hollow: Any = {}
    for _ in range(DEPTH_LIMIT):
        hollow = [hollow]
    with pytest.raises(NotCanonical, match="nested"):
        canonical(hollow)
    assert len(canonical("x" * (SIZE_LIMIT - 2))) == SIZE_LIMIT
    with pytest.raises(NotCanonical, match="blob"):
        canonical("x" * (SIZE_LIMIT - 1))
    assert digest("x" * (SIZE_LIMIT + 1)).startswith("sha256:"), "a digest has no limit of size"


@pytest.mark.parametrize(
    "written",
    [
        '{"a": 1}',
        '{"b":1,"a":2}',
        '{"a":1,"a":1}',
        '{"a":1.0}',
        '{"a":1e2}',
        '{"a":-0}',
        '{"a":"\\/"}',
        '{"a":"\\u0041"}',
        '{"a":1}\n',
        '{"a":NaN}',
        '{"a":9007199254740992}',
        '{"é":1}',
        "",
        "{",
    ],
)
def test_other_spellings_are_not_canonical(written: str) -> None:
    assert not is_canonical(written.encode())
    assert not is_canonical(b'{"a":"\xff"}')


def test_strings_are_not_normalised() -> None:
    assert canonical("e\u0301") != canonical("\u00e9")
