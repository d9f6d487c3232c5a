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
from registry.versions.mlmodel import Claims, claimed_signature, claims_of
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


def varint(number: int) -> bytes:
    """A number as protocol buffers write it."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def onnx_bytes(graph: bytes = bytes(300)) -> bytes:
    """The outermost fields of an ONNX file: its version, producer, graph and operator set."""
    return b"\x08\x08" + b"\x12\x03abc" + b"\x3a" + varint(len(graph)) + graph + b"\x42\x02\x10\x0f"


@pytest.mark.parametrize(
    ("content", "flavour"),
    [
        (onnx_bytes(), "onnx"),
        (onnx_bytes(bytes(70_000)), "onnx"),
        (onnx_bytes()[:-1], "unknown"),
        (b"\x08\x08\x12\x03abc", "unknown"),
        (b"\x08" * 100_000, "unknown"),
        (b"\x08" + b"\xff" * 99, "unknown"),
        (b'{"learner":{"attributes":{}}}', "xgboost"),
        (b' {\n "version" : [3, 2, 0]}', "xgboost"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{", "xgboost"),
        (b'{"a": 1}', "unknown"),
        (b"tree\nversion=v4\n", "lightgbm"),
        (b"tree\r\nversion=v3\r\n", "lightgbm"),
        (b"tree of life\n", "unknown"),
    ],
)
def test_formats_without_code_are_known_by_how_they_begin(content: bytes, flavour: str) -> None:
    assert seen({"m": content}) == (flavour, "m")


MLMODEL = b"""
artifact_path: model
mlflow_version: 3.17.0
flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: model.skops, python_version: 3.11.9}
  sklearn: {pickled_model: model.skops, sklearn_version: 1.9.1, skops_trusted_types: [sklearn.tree._tree.Tree]}
  onnx: {data: graph.onnx, onnx_version: 1.23.2}
signature:
  inputs: '[{"type": "long", "name": "age", "required": true}, {"type": "string", "name": "region"}]'
"""


def claims(content: bytes) -> Claims | None:
    return claims_of({"MLmodel": make.incoming(content)})


def test_an_mlflow_folder_names_its_model_and_the_rest_is_a_claim() -> None:
    folder = {"run/MLmodel": MLMODEL, "run/model.skops": SKOPS, "run/model.pkl": PICKLE}
    assert seen(folder) == ("skops", "run/model.skops")
    assert seen(folder | {"run/graph.onnx": onnx_bytes()}) == ("onnx", "run/graph.onnx")
    # What the bytes say counts, whatever is claimed; a file that is not there is not the model.
    assert seen({"MLmodel": MLMODEL, "model.skops": PICKLE}) == ("pickle", "model.skops")
    assert seen({"MLmodel": MLMODEL, "other.pkl": PICKLE}) == ("pickle", "other.pkl")
    told = claims(MLMODEL)
    assert told
    assert claimed_signature(told)["features"] == [
        {"name": "age", "type": "int64"},
        {"name": "region", "type": "string"},
    ]
    assert told.libraries == {
        "mlflow": "3.17.0",
        "scikit-learn": "1.9.1",
        "onnx": "1.23.2",
        "python": "3.11.9",
    }
    assert told.as_dict()["skops_trusted_types"] == ["sklearn.tree._tree.Tree"]


@pytest.mark.parametrize(
    "content",
    [
        b"a: &a [1]\nb: *a",
        b"!!python/object/apply:os.system [true]",
        b"[" * 20_000,
        b"flavors: {",
        b"\xff\xfe\x00",
        b"- 1",
        b"flavors: " + b"x" * 300_000,
    ],
    ids=["alias", "tag", "deep", "cut", "bytes", "list", "long"],
)
def test_an_mlmodel_that_cannot_be_read_is_a_file_like_any_other(content: bytes) -> None:
    assert claims(content) is None
    assert seen({"MLmodel": content, "model.pkl": PICKLE}) == ("pickle", "model.pkl")


@pytest.mark.parametrize(
    "inputs", ['"[1]"', '"{"', "7", '"[{\\"type\\": \\"tensor\\"}]"', '\'[{"name": " a "}]\'']
)
def test_a_signature_that_is_none_is_left_out(inputs: str) -> None:
    told = claims(f"signature: {{inputs: {inputs}}}".encode())
    assert told
    assert claimed_signature(told) == {}


def test_lz4_and_friends_are_unknown_and_not_an_error() -> None:
    assert seen({"m.joblib": b'\x04"M\x18' + bytes(50)}) == ("unknown", "m.joblib")
