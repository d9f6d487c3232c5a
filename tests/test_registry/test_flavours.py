"""Formats are known by their bytes; nothing is unpickled, and what cannot be told is unknown."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from countersign.errors import Invalid
from registry.versions.flavours import DIRECTORY_LIMIT, Recognised, recognise
from tests.factories import registry as make


@pytest.fixture(autouse=True)
def _own_storage(tmp_path: Path, settings: Any) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"


def seen(files: Mapping[str, bytes], **said: Any) -> tuple[str, str]:
    """Flavour and entry file of these files."""
    found: Recognised = recognise({path: make.incoming(content) for path, content in files.items()}, **said)
    return found.flavour.value, found.entry_file


def trained() -> LogisticRegression:
    """A real, small model."""
    return LogisticRegression().fit(np.arange(40).reshape(20, 2), np.arange(20) % 2)


def joblib_bytes(value: Any, **options: Any) -> bytes:
    """What joblib writes."""
    sink = io.BytesIO()
    joblib.dump(value, sink, **options)
    return sink.getvalue()


def test_real_files() -> None:
    model = trained()
    assert seen({"m.bin": skops.io.dumps(model)}) == ("skops", "m.bin")
    assert seen({"m.bin": pickle.dumps(model)}) == ("pickle", "m.bin")
    assert seen({"m.bin": joblib_bytes(model)}) == ("joblib", "m.bin")
    assert seen({"m.pkl": joblib_bytes({"a": 1})}) == ("pickle", "m.pkl")
    assert seen({"m.joblib": joblib_bytes({"a": 1})}) == ("joblib", "m.joblib")
    for compress in (("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)):
        assert seen({"m.pkl": joblib_bytes(model, compress=compress)}) == ("joblib", "m.pkl")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_with_a_sign(protocol: int) -> None:
    assert seen({"m": pickle.dumps([1], protocol=protocol)}) == ("pickle", "m")


def zip_of(**members: bytes) -> bytes:
    """A ZIP archive."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in members.items():
            # A date of its own, not the clock's: the content is part of the tests' names,
            # and every process of a run has to collect the same names.
            archive.writestr(zipfile.ZipInfo(name.replace("__", ".")), content)
    return sink.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"\x80",
        b"\x80\x01x",
        b"\x80\x06x",
        b"(lp0\n.",  # protocol 0 has no sign
        zip_of(other=b"1"),
        zip_of(schema__json=b"{}")[:-30],
        b"PK\x03\x04",
        b"PK\x03\x04" + bytes(100) + b"PK\x05\x06" + b"\xff" * 18,
        b"PK\x03\x04" + bytes(100) + b"PK\x05\x06" + bytes(10),
        gzip.compress(b"text", mtime=0),
        zlib.compress(b"text"),
        bz2.compress(b"text"),
        lzma.compress(b"text"),
        gzip.compress(b"\x80\x04", mtime=0)[:5],
        b"BZh9garbage",
        b"\xfd7zXZ\x00garbage",
        b"]\x00\x00garbage",
        b"x\x9cgarbage",
        b"x",
        b"\x1f\x8b",
    ],
)
def test_what_cannot_be_told_is_unknown(content: bytes) -> None:
    assert seen({"model.skops": content}) == ("unknown", "model.skops")


def test_a_compression_bomb_is_opened_for_a_few_bytes_only() -> None:
    bomb = zlib.compress(b"\x80\x04" + bytes(200 * 1024 * 1024))
    assert seen({"m": bomb}) == ("joblib", "m")


def test_a_list_of_members_beyond_the_limit_is_not_read() -> None:
    name = "x" * 60_000
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("schema.json", "{}")
        for number in range(DIRECTORY_LIMIT // len(name) + 1):
            archive.writestr(f"{name}{number}", "")
    assert seen({"model.skops": sink.getvalue()}) == ("unknown", "model.skops")


SKOPS, PICKLE = make.skops_bytes(), pickle.dumps([1])


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"a.txt": b"x", "deep/m.skops": SKOPS}, ("skops", "deep/m.skops")),
        ({"model.skops": SKOPS, "preprocess.pkl": PICKLE}, ("skops", "model.skops")),
        ({"MLmodel": b"flavors:", "model.pkl": PICKLE, "conda.yaml": b""}, ("pickle", "model.pkl")),
        ({"a.txt": b"x", "b.txt": b"y"}, ("unknown", "")),
        ({"weights.bin": b"x"}, ("unknown", "weights.bin")),
    ],
)
def test_the_file_that_loads(files: dict[str, bytes], found: tuple[str, str]) -> None:
    assert seen(files) == found


def test_what_is_said_agrees_with_the_bytes() -> None:
    assert seen({"a": SKOPS, "b": PICKLE}, entry_file="b") == ("pickle", "b")
    assert seen({"a": SKOPS}, flavour="skops") == ("skops", "a")
    assert seen({"a": b"x"}, flavour="unknown") == ("unknown", "a")


@pytest.mark.parametrize(
    ("files", "said", "code"),
    [
        ({"a": SKOPS}, {"flavour": "pickle"}, "flavour_disagrees"),
        ({"a": SKOPS}, {"flavour": "onnx"}, "flavour_disagrees"),
        ({"a": b"x"}, {"flavour": "skops"}, "flavour_disagrees"),
        ({"a": SKOPS}, {"flavour": "unknown"}, "flavour_disagrees"),
        ({"a": SKOPS, "b": PICKLE}, {}, "entry_file_needed"),
        ({"x/model.skops": SKOPS, "model.pkl": PICKLE}, {}, "entry_file_needed"),
        ({"a": SKOPS}, {"entry_file": "b"}, "entry_file_unknown"),
    ],
)
def test_a_disagreement_is_named(files: dict[str, bytes], said: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as raised:
        seen(files, **said)
    assert raised.value.code == code
    assert raised.value.fields


def test_lz4_and_friends_are_unknown_and_not_an_error() -> None:
    assert seen({"m.joblib": b'\x04"M\x18' + bytes(50)}) == ("unknown", "m.joblib")
