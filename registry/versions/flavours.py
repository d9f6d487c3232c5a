"""Which format a model's file has, by its content first and its name second. Nothing is unpickled or unpacked
here: a few bytes at the ends of each file are looked at, and compressed ones are opened for as many.
"""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import PurePosixPath
from typing import BinaryIO

from countersign.blobs.models import Blob
from countersign.blobs.storage import storage
from countersign.blobs.store import Incoming
from countersign.errors import Invalid
from registry.versions.mlmodel import claims_of

HEAD = 64 * 1024
DIRECTORY_LIMIT = 4 * 1024 * 1024
"""Of a ZIP archive's list of members: a skops file of a large forest has far less."""


ONNX_FIELDS_LIMIT = 4096
"""Of an ONNX file's outermost fields: without functions of its own it has about ten."""

TORCH_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How torch.save began a file before it wrote ZIP archives: its magic number as a pickle of its own, with more pickles
and raw bytes behind it, so that nothing but torch reads the whole."""

# How XGBoost's save_model begins a file, as JSON and as UBJSON, and LightGBM's.
_XGBOOST = re.compile(
    rb'\s*\{\s*"(version|learner)"\s*:|\{(L\x00\x00\x00\x00\x00\x00\x00|[iU])\x07(version|learner)'
)
_LIGHTGBM = re.compile(rb"tree\r?\nversion=v\d")


class Flavour(StrEnum):
    """How a model's file is written, in order of trust: formats that hold no code first."""

    ONNX = "onnx"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    SKOPS = "skops"
    JOBLIB = "joblib"
    PICKLE = "pickle"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Recognised:
    """The flavour of a version and the path of the file that loads (empty where none is known)."""

    flavour: Flavour
    entry_file: str


def recognise(
    files: Mapping[str, Blob | Incoming], *, flavour: str | None = None, entry_file: str | None = None
) -> Recognised:
    """Decide for a manifest. What the uploader says must agree with what the bytes say.

    Raises Invalid: entry_file_unknown, entry_file_needed (several files load), flavour_disagrees."""
    if entry_file:
        if entry_file not in files:
            raise _wrong(
                "entry_file", f"There is no file “{entry_file[:80]}” among the files.", "entry_file_unknown"
            )
        found = Recognised(flavour_of(files[entry_file], entry_file), entry_file)
    else:
        flavours = {path: flavour_of(blob, path) for path, blob in files.items()}
        found = _claimed(files, flavours) or _choose(flavours)
    if flavour and flavour != found.flavour:
        where = f"“{found.entry_file}” is" if found.entry_file else "no file is recognised; they are"
        raise _wrong(
            "flavour",
            f"You said {flavour[:40]}, but {where} {found.flavour}. Leave flavour out, or send the right "
            "file.",
            "flavour_disagrees",
        )
    return found


def _claimed(files: Mapping[str, Blob | Incoming], flavours: Mapping[str, Flavour]) -> Recognised | None:
    """The file an MLflow folder's `MLmodel` names as its model: of several the most trusted by its bytes."""
    claims = claims_of(files)
    named = [
        path
        for path in (claims.data_files if claims else ())
        if flavours.get(path, Flavour.UNKNOWN) != "unknown"
    ]
    order = list(Flavour)
    best = min(named, key=lambda path: order.index(flavours[path]), default=None)
    return Recognised(flavours[best], best) if best else None


def _choose(flavours: Mapping[str, Flavour]) -> Recognised:
    known = [path for path, flavour in flavours.items() if flavour is not Flavour.UNKNOWN]
    candidates = [path for path in known if PurePosixPath(path).stem == "model"] if len(known) > 1 else known
    if len(known) > 1 and len(candidates) != 1:
        named = ", ".join(f"“{path[:80]}”" for path in sorted(candidates or known)[:5])
        raise _wrong(
            "entry_file",
            f"Several files can be loaded: {named}. Say which one is the model.",
            "entry_file_needed",
        )
    if candidates:
        return Recognised(flavours[candidates[0]], candidates[0])
    return Recognised(Flavour.UNKNOWN, next(iter(flavours)) if len(flavours) == 1 else "")


def flavour_of(blob: Blob | Incoming, path: str) -> Flavour:
    """The flavour of one file. joblib writes pickles, so where the bytes do not tell the two apart the name
    does."""
    with storage().open(blob.key) as file:
        head = file.read(HEAD)
        if head.startswith(b"PK\x03\x04"):
            return Flavour.SKOPS if "schema.json" in member_names(file, blob.size) else Flavour.UNKNOWN
        if _XGBOOST.match(head):
            return Flavour.XGBOOST
        if _LIGHTGBM.match(head):
            return Flavour.LIGHTGBM
        if head.startswith(b"\x08") and _has_graph(file, blob.size):
            return Flavour.ONNX
    inner = _decompressed(head)
    if not _begins_like_a_pickle(head if inner is None else inner):
        return Flavour.UNKNOWN
    by_joblib = inner is not None or b"joblib.numpy_pickle" in head or path.endswith(".joblib")
    return Flavour.JOBLIB if by_joblib else Flavour.PICKLE


def _begins_like_a_pickle(head: bytes) -> bool:
    """Protocol 2 to 5: PROTO and its number. Older ones have no sign by which to know them."""
    return len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5 and not head.startswith(TORCH_LEGACY)


def _decompressed(head: bytes) -> bytes | None:
    """The first bytes of what joblib compressed; None for what is not compressed in one of its ways."""
    try:
        if head.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(wbits=31).decompress(head, 64)
        if head[:1] == b"x" and len(head) > 1 and (head[0] * 256 + head[1]) % 31 == 0:
            return zlib.decompressobj().decompress(head, 64)
        if head.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(head, 64)
        if head.startswith((b"\xfd7zXZ\x00", b"]\x00\x00")):
            return lzma.LZMADecompressor(memlimit=256 * 1024**2).decompress(head, 64)
    except (zlib.error, OSError, EOFError, lzma.LZMAError):
        return None
    return None


def _has_graph(file: BinaryIO, size: int) -> bool:
    """Whether the outermost fields are those of an ONNX ModelProto (onnx.proto): field 1 is its version, field 7
    the graph. Each field's head is read, its content passed over."""
    place, graph = 0, False
    for _ in range(ONNX_FIELDS_LIMIT):
        file.seek(place)
        head = file.read(20)
        if not head:
            return graph and place == size
        tag, used = _varint(head, 0)
        wire = tag & 7
        value, used = _varint(head, used)
        if not 1 <= tag >> 3 <= 30 or wire not in (0, 2) or used < 0:
            return False
        graph = graph or (tag >> 3 == 7 and wire == 2)
        place += used + (value if wire == 2 else 0)
        if place > size:
            return False
    return False


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """A protocol buffer's number and the place behind it, which is below 0 where there is none."""
    value = 0
    for count, byte in enumerate(content[place : place + 10] if place >= 0 else b""):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, place + count + 1
    return 0, -1


def member_names(file: BinaryIO, size: int) -> list[str]:
    """The members a ZIP archive lists; none where it lists none that can be read, or more than DIRECTORY_LIMIT."""
    file.seek(max(size - 65_557, 0))  # the end record and its longest comment
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        return []
    listed, offset = struct.unpack_from("<II", tail, at + 12)
    large = tail.rfind(b"PK\x06\x06", 0, at) if tail[at - 20 : at - 16] == b"PK\x06\x07" else -1
    if large >= 0 and at - large >= 76:  # ZIP64, as torch writes every archive
        at = large
        listed, offset = struct.unpack_from("<QQ", tail, at + 40)
    if listed > DIRECTORY_LIMIT or listed + offset > size:
        return []
    file.seek(max(size - len(tail) + at - listed, 0))
    try:
        # The list alone makes an archive whose members lie nowhere: enough to read names, and bounded.
        return zipfile.ZipFile(BytesIO(file.read(listed) + tail[at:])).namelist()
    except (zipfile.BadZipFile, UnicodeDecodeError, ValueError, OverflowError, struct.error):
        return []


def _wrong(field: str, sentence: str, code: str) -> Invalid:
    return Invalid(sentence, fields={field: [sentence]}, code=code)
