"""Model files of kinds that cannot be run here, told by their bytes, with what their owner can do about it.

Heads of files and lists of archives' members are read; nothing is unpacked or loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from countersign.blobs.storage import storage
from registry.versions.flavours import HEAD, TORCH_LEGACY, Flavour, member_names
from registry.versions.models import ManifestFile

BRING = "or upload its scores instead (bring predictions)."
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class _Look:
    """What a kind is told by: a file's path, size and first bytes, and the members if it is a ZIP archive."""

    path: str
    size: int
    head: bytes
    members: tuple[str, ...]

    def ends(self, *names: str) -> bool:
        """Whether a member has one of these names, in whatever folder."""
        return any(f"/{member}".endswith(tuple(f"/{name}" for name in names)) for member in self.members)


@dataclass(frozen=True, slots=True)
class _Kind:
    """`name` with its article; `remedy` is the first half of a sentence that ends with bringing predictions."""

    name: str
    remedy: str
    is_one: Callable[[_Look], bool]


def _is_safetensors(look: _Look) -> bool:
    """Eight bytes of length, little-endian, and that much JSON (the format's own description)."""
    length = int.from_bytes(look.head[:8], "little")
    return len(look.head) > 9 and 2 <= length <= look.size - 8 and look.head[8:10] in (b'{"', b"{}", b"{ ")


def _to_onnx(how: str) -> str:
    return f"Export the model to ONNX ({how}) and upload that as a new version"


_KERAS = _to_onnx("model.export with format “onnx”, or tf2onnx")
_TORCH = _to_onnx("torch.onnx.export, with the code that made it")
_BEFORE = _to_onnx("from what it was converted from")
_PMML = re.compile(rb"<PMML\b")

#: The first that fits counts. Torch's own magic number, and the signatures of each format's documentation.
_KINDS = (
    _Kind("a TorchScript archive", _TORCH, lambda look: look.ends("constants.pkl")),
    _Kind("a PyTorch file of weights (torch.save)", _TORCH, lambda look: look.ends("data.pkl")),
    _Kind("a PyTorch file of weights (torch.save)", _TORCH, lambda look: look.head.startswith(TORCH_LEGACY)),
    _Kind("a Keras model", _KERAS, lambda look: look.ends("model.weights.h5")),
    _Kind(
        "an archive with a Keras model", _KERAS, lambda look: any(m.endswith(".keras") for m in look.members)
    ),
    _Kind(
        "an HDF5 file, as Keras writes them", _KERAS, lambda look: look.head.startswith(b"\x89HDF\r\n\x1a\n")
    ),
    _Kind("a file of weights (safetensors)", _TORCH, _is_safetensors),
    _Kind(
        "a language model's weights (GGUF)",
        "Have a harness measure it and record that as a report",
        lambda look: look.head.startswith(b"GGUF"),
    ),
    _Kind("a TensorFlow Lite model", _to_onnx("tf2onnx"), lambda look: look.head[4:8] == b"TFL3"),
    _Kind(
        "a TensorFlow SavedModel",
        _to_onnx("tf2onnx"),
        lambda look: look.path.endswith("saved_model.pb") or look.ends("saved_model.pb"),
    ),
    _Kind(
        "a Core ML model",
        _BEFORE,
        lambda look: look.path.endswith(".mlmodel"),
    ),
    _Kind(
        "a CatBoost model",
        _to_onnx("save_model with format “onnx”"),
        lambda look: look.head.startswith(b"CBM1"),
    ),
    _Kind(
        "a PMML document",
        _BEFORE,
        lambda look: bool(_PMML.search(look.head)),
    ),
)


def why_not_run(files: Iterable[ManifestFile]) -> str:
    """Why a version whose flavour is unknown cannot be run, as a sentence that names the file and the way out."""
    looks = [_look_at(file) for file in files]
    for kind in _KINDS:
        for look in looks:
            if kind.is_one(look):
                return f"“{_short(look.path)}” is {kind.name}, which is not run here. {kind.remedy}, {BRING}"
    known = ", ".join(flavour for flavour in Flavour if flavour is not Flavour.UNKNOWN)
    what = (
        f"“{_short(looks[0].path)}” is none" if len(looks) == 1 else f"none of its {len(looks)} files is one"
    )
    return (
        f"Models of the kinds {known} are run here, told by their bytes, and {what} of them. Export the model as one "
        f"of these and upload that as a new version, {BRING}"
    )


def _look_at(file: ManifestFile) -> _Look:
    with storage().open(file.blob.key) as content:
        head = content.read(HEAD)
        members = member_names(content, file.blob.size) if head.startswith(b"PK\x03\x04") else ()
    return _Look(file.path, file.blob.size, head, tuple(members))


def _short(path: str) -> str:
    return path[:_LONGEST_NAME]
