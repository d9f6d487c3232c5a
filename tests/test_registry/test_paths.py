"""Manifest paths: every spelling that could mean another place, or two places at once, is refused."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import Invalid
from registry.versions.paths import manifest_path, manifest_paths


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("model.skops", "model.skops"),
        ("model/artifacts/weights-0001.bin", "model/artifacts/weights-0001.bin"),
        (".hidden", ".hidden"),
        ("a..b/c...d", "a..b/c...d"),
        ("with space/und ümlaut", "with space/und ümlaut"),
        ("e\u0301.bin", "\u00e9.bin"),
        ("模型.skops", "模型.skops"),
        ("100%.txt", "100%.txt"),
        ("a%zz", "a%zz"),
        ("x" * 255, "x" * 255),
        ("/".join(["x" * 99] * 5), "/".join(["x" * 99] * 5)),
        ("~/a", "~/a"),
        ('"quoted".bin', '"quoted".bin'),
    ],
)
def test_paths_that_are_taken(raw: str, path: str) -> None:
    assert manifest_path(raw) == path


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "/",
        "/etc/passwd",
        "//server/share",
        "a//b",
        "a/",
        ".",
        "..",
        "./a",
        "a/.",
        "a/./b",
        "../a",
        "a/..",
        "a/../b",
        "a/../../b",
        "..\\a",
        "a\\..\\b",
        "\\a",
        "a\\b",
        "C:",
        "C:/a",
        "c:a",
        "C:\\a",
        "file.txt:stream",
        "%2e%2e/a",
        "%2E%2E%2Fa",
        "a%2fb",
        "a%5cb",
        "a%00b",
        "%252e%252e",
        "a\0b",
        "a\nb",
        "a\rb",
        "a\tb",
        "a\x1b[31m",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "a\u200bb",
        "a\u202egnp.exe",
        "a\ufeffb",
        "a\ue000b",
        "a\ud800b",
        "a.",
        "a./b",
        "a /b",
        "a ",
        " a",
        "a/ b",
        "...",
        "a/...",
        "\u2024\u2024/a",  # one dot leaders
        "\uff0e\uff0e/a",  # full-width dots
        "\uff0fetc",  # full-width solidus
        "a\uff0fb",
        "a\u2044b",  # fraction slash
        "a\u2215b",  # division slash
        "a\u29f8b",  # big solidus
        "a\u2216b",  # set minus
        "a\uff3cb",  # full-width backslash
        "a\ufe68b",  # small backslash
        "a\u29f9b",  # big backslash
        "C\uff1a/a",  # full-width colon
        "C\u2236/a",  # ratio
        "a\uff052fb",  # full-width percent sign
        "a\u3000",  # ideographic space at the end
        "a\u00a0",
        "x" * 501,
        "x" * 5_000,
        "ü" * 128,  # 256 bytes
        "a/" + "x" * 256,
        None,
        b"a",
    ],
)
def test_paths_that_are_refused(raw: str) -> None:
    with pytest.raises(Invalid) as raised:
        manifest_path(raw)
    assert raised.value.code == "bad_path"
    assert len(raised.value.message) < 300
    assert all(character.isprintable() for character in raised.value.message)


@pytest.mark.parametrize(
    "paths",
    [
        ["a", "a"],
        ["model.skops", "Model.skops"],
        ["STRASSE", "straße"],
        ["e\u0301", "\u00e9"],
        ["ﬁle", "file"],
        ["a", "a/b"],
        ["A/b", "a"],
        ["x/y/z", "X/Y"],
    ],
)
def test_two_paths_that_are_one_file_somewhere_are_refused(paths: list[str]) -> None:
    for order in (paths, paths[::-1]):
        with pytest.raises(Invalid) as raised:
            manifest_paths(order)
        assert raised.value.code == "bad_path"


def test_paths_keep_their_order_and_number() -> None:
    assert manifest_paths(["b", "a/c", "a/b"]) == ["b", "a/c", "a/b"]
    assert len(manifest_paths(f"{n}" for n in range(2_000))) == 2_000
    with pytest.raises(Invalid, match="2,000"):
        manifest_paths(f"{n}" for n in range(2_001))


@given(st.text(max_size=40))
def test_whatever_is_taken_stays_inside_a_folder(raw: str) -> None:
    try:
        path = manifest_path(raw)
    except Invalid:
        return
    for seen in (path, unicodedata.normalize("NFKC", path), unicodedata.normalize("NFD", path)):
        for pure in (PurePosixPath(seen), PureWindowsPath(seen)):
            assert not pure.is_absolute()
            assert not pure.drive
            assert ".." not in pure.parts
        assert str(PurePosixPath(seen)) == seen
    assert manifest_path(path) == path
