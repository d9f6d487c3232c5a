"""A scan opens every container by content, whatever its name, and stops at its bounds."""

import bz2
import dataclasses
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import rfc8785

from governance.evaluation.sandbox import Flavour, Isolation, ScanReport, scan_files
from governance.evaluation.scanner.archives import Budget
from governance.evaluation.scanner.inspection import inspect

from . import models
from .conftest import SMALL
from .test_formats import network
from .test_scanner import judged

EVIL = pickle.dumps(models.Call(os.system, "true"))
OLD = b"cposix\nsystem\n(V\ntR."


def zipped(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", "/")), content)
    return sink.getvalue()


def tarred(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def array(value: numpy.ndarray) -> bytes:
    sink = io.BytesIO()
    numpy.save(sink, value, allow_pickle=True)
    return sink.getvalue()


def arrays() -> bytes:
    sink = io.BytesIO()
    evil = numpy.array([models.Call(os.system, "true")], dtype=object)
    numpy.savez(sink, weights=numpy.zeros(4), more=evil)
    return sink.getvalue()


TORCH = b"\x80\x02cposix\nsystem\nq\x00(X\x07\x00\x00\x00storageq\x01tQ."

HIDDEN: dict[str, Callable[[], bytes]] = {
    "pickle": lambda: EVIL,
    "old pickle": lambda: OLD,
    "old pickle with more behind it": lambda: OLD + b"more",
    "zip": lambda: zipped(**{"weights.txt": EVIL}),
    "zip in a zip": lambda: zipped(**{"a.png": zipped(**{"b.css": OLD})}),
    "zip behind a picture": lambda: b"\x89PNG" + bytes(99) + zipped(a=EVIL),
    "PyTorch": lambda: zipped(archive__data=b"", **{"archive/data.pkl": TORCH, "archive/data/0": bytes(64)}),
    "tar": lambda: tarred(a=b"x" * 900, b=EVIL),
    "tar.gz": lambda: gzip.compress(tarred(a=EVIL)),
    "tar with a pickle for a name": lambda: _tar_named(),
    "gzip": lambda: gzip.compress(EVIL),
    "bz2 of a zip": lambda: bz2.compress(zipped(a=EVIL)),
    "xz": lambda: lzma.compress(EVIL),
    "lzma": lambda: lzma.compress(EVIL, lzma.FORMAT_ALONE),
    "zlib": lambda: zlib.compress(EVIL),
    "npz": arrays,
    "npy": lambda: array(numpy.array([models.Call(os.system, "true")], dtype=object)),
}


def _tar_named() -> bytes:
    """A tar archive whose first bytes, a file's name, are a pickle of the oldest protocol."""
    return tarred(**{"cposix\nsystem\n(V\ntR.": b"harmless"})


@pytest.mark.parametrize("name", HIDDEN)
def test_no_container_hides_a_call(name: str) -> None:
    report = judged(HIDDEN[name]())
    assert "posix.system" in report.unlisted, report
    assert report.verdict in ("unlisted_names", "blocked")


@pytest.mark.parametrize(
    ("content", "container"),
    [
        (b"x = 1  # compressed by name only", "text"),
        (b"BZ is how some words begin", "text"),
        (b"cat sat on the mat\n", "text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "other"),
        (b"\x12\x00\x00\x00\x00\x00\x00\x00" + b'{"a":{"shape":[]}}', "safetensors"),
        (array(numpy.zeros((3, 2))), "npy"),
        (zipped(a=b"text", b=array(numpy.arange(3))), "zip"),
        (network(["n", 2], ["out"]), "ONNX"),
        (b"tree\nversion=v4\n", "LightGBM text"),
        (b'{"learner":{}}', "XGBoost JSON"),
    ],
    ids=["text", "BZ", "opcode", "picture", "safetensors", "array", "zip", "onnx", "lightgbm", "xgboost"],
)
def test_harmless_files_are_clean(content: bytes, container: str) -> None:
    report = judged(content)
    assert (report.verdict, report.container) == ("clean", container)


def _damaged() -> bytes:
    """A zip whose only file is not what its checksum says."""
    content = bytearray(zipped(a=bytes(100)))
    content[14] ^= 1
    content[content.rindex(b"PK\x01\x02") + 16] ^= 1
    return bytes(content)


def nested(depth: int) -> bytes:
    content = EVIL
    for _ in range(depth):
        content = zipped(a=content)
    return content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped(a=b"x" * 99)[:-30] + bytes(30), "zip archive cannot be read"),
        (_damaged(), "zip archive cannot be read"),
        (nested(7), "too deeply"),
        (gzip.compress(EVIL)[:-9], "cut short"),
        (b"\x04\x22\x4d\x18" + bytes(30), "lz4"),
        (b"\x93NUMPY\x01\x00\x03\x00{a}", "well-formed array"),
        (network(["n", 2], ["out"], external=True), "weights in other files (../weights.bin)"),
    ],
    ids=["no end", "damaged", "deep", "cut", "lz4", "npy", "external"],
)
def test_what_cannot_be_followed_is_blocked(content: bytes, words: str) -> None:
    found = [one.blocked or one.container for one in inspect(content).every()]
    assert any(words in one for one in found), found


def test_bombs_end_at_their_bounds() -> None:
    many = zipped(**{str(number): b"" for number in range(20)})
    assert "too many files" in inspect(many, budget=Budget(members=10)).blocked
    large = zipped(a=bytes(100_000))
    assert "too many bytes" in inspect(large, budget=Budget(size=50_000)).blocked
    assert "too large" in inspect(gzip.compress(bytes(100_000)), budget=Budget(size=50_000)).blocked


def test_operators_of_elsewhere_are_names_and_functions_are_remarked() -> None:
    report = judged(network(["n", 2], ["out"], domain="com.example", operator="Phone"))
    assert report.unlisted == ("com.example::Phone",)
    assert judged(network(["n", 2], ["out"], domain="com.microsoft", operator="Gelu")).verdict == "clean"


def test_a_version_is_judged_by_the_worst_of_its_files(isolation: Isolation, tmp_path: Path) -> None:
    model = models.save(models.linear(), Flavour.SKOPS, tmp_path)
    (tmp_path / "notes.md").write_text("# How it was made\n")
    (tmp_path / "extra.png").write_bytes(zipped(**{"data.bin": EVIL}))
    files = {name: tmp_path / name for name in (model.name, "notes.md", "extra.png")}

    def scanned(**chosen: Path) -> ScanReport:
        return scan_files(
            files=chosen, entry=model.name, flavour=Flavour.SKOPS, limits=SMALL, isolation=isolation
        )

    report = scanned(**files)
    assert report.verdict == "unlisted_names"
    assert report.unlisted == ("posix.system",)
    assert report.container == "skops zip"
    told = {one.path: (one.container, one.verdict) for one in report.files}
    assert told == {
        "model.skops": ("skops zip", "clean"),
        "notes.md": ("text", "clean"),
        "extra.png": ("zip", "clean"),
        "extra.png!data.bin": ("pickle", "unlisted_names"),
    }
    del files["extra.png"]
    odd = '{"__loader__":"TypeNode","__module__":"a\\ud800b","__class__":"\\u0000\\u001b[31m\\n"}'
    (tmp_path / "odd").write_bytes(zipped(**{"schema.json": odd.encode()}))
    many = [{"__module__": "m", "__class__": f"c{number}"} for number in range(2001)]
    (tmp_path / "too many").write_bytes(
        zipped(**{"schema.json": json.dumps({"__loader__": "x", "y": many}).encode()})
    )
    report = scanned(**files, odd=tmp_path / "odd", **{"too many": tmp_path / "too many"})
    # Evidence can hold what a file beside the model calls itself, and a page can show it.
    rfc8785.dumps(dataclasses.asdict(report))
    assert [(one.path, one.verdict) for one in report.files] == [
        ("model.skops", "clean"),
        ("notes.md", "clean"),
        ("odd", "unlisted_names"),
        ("too many", "blocked"),
    ]
    assert report.files[2].names == ("a\ufffdb.\ufffd\ufffd[31m\ufffd",)
    assert "more than 2,000 different names" in report.reason
