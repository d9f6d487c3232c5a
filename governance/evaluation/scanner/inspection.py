"""What a file says about itself, found without loading anything from it. Standard library only.

Everything is told from content: a file's name, and its members' names, decide nothing.
"""

import ast
import io
import json
import re
import struct
from dataclasses import dataclass, field
from typing import Any

from .archives import Budget, is_tar, is_zip, tar_members, zip_members
from .containers import expand, is_compressed
from .machine import Blocked, Machine
from .onnx import looks_like_onnx, read_onnx

_DEEPEST = 5
_SKOPS = "skops zip"
_NPY = b"\x93NUMPY"
_XGBOOST_JSON = re.compile(rb'\s*\{\s*"(version|learner)"\s*:')
_XGBOOST_UBJ = re.compile(
    rb"\{L\x00\x00\x00\x00\x00\x00\x00\x07(version|learner)|\{[iU]\x07(version|learner)"
)
_LIGHTGBM = re.compile(rb"tree\r?\nversion=v\d")
_SURELY_COMPRESSED = (b"\x1f\x8b", b"\xfd7zXZ", b"BZh", b"\x04\x22\x4d\x18")
_PICKLE = re.compile(rb"\x80[\x02-\x05]")


@dataclass
class Contents:
    """Names a file would resolve, scikit-learn releases it says it was built with, its container, why it cannot be
    followed (or empty), what else a reader should know, and the same of each file inside it."""

    path: str = ""
    container: str = ""
    names: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    blocked: str = ""
    remarks: list[str] = field(default_factory=list)
    members: list["Contents"] = field(default_factory=list)

    def every(self) -> list["Contents"]:
        """This file and all that lie in it, outermost first."""
        return [self, *(inner for member in self.members for inner in member.every())]


def inspect(raw: bytes, flavour: str = "", *, path: str = "", budget: Budget | None = None) -> Contents:
    """Read `raw` and every file inside it. Never raises for what a file holds: see `blocked`.

    With a `flavour` it is read as that flavour's loader would read it and as nothing else, otherwise as what it is.
    `budget` bounds what is taken out of containers, over several files."""
    contents, budget = Contents(path), budget or Budget()
    try:
        if flavour in ("joblib", "pickle"):
            _joblib(raw, contents, budget)
        elif flavour == "onnx":
            _onnx(raw, contents)
        elif flavour == "skops":
            _zip(raw, contents, 0, budget)
            if contents.container != _SKOPS:
                raise Blocked("it is not a skops file: a zip with a readable schema.json")
        else:
            _look(raw, contents, 0, budget)
    except Blocked as error:
        contents.blocked = str(error)
    except RecursionError:
        contents.blocked = "it is nested too deeply"
    return contents


def library_versions(raw: bytes, flavour: str) -> list[str]:
    """The scikit-learn releases the file's estimators name, sorted; empty where it names none."""
    return sorted({version for one in inspect(raw, flavour).every() for version in one.versions})


def onnx_labels(raw: bytes) -> list[list[str]]:
    """The lists of class labels an ONNX graph names, the likeliest first; empty for what is no ONNX file."""
    try:
        return read_onnx(raw).labels
    except Blocked:
        return []


def _joblib(raw: bytes, contents: Contents, budget: Budget) -> None:
    """What joblib.load would do, with files it takes for compressed and with all others."""
    if not is_compressed(raw):
        _pickle(raw, contents, "pickle", 0)
        return
    data, codec = expand(raw, budget)
    _pickle(data, contents, f"{codec}-compressed pickle", 0)


def _inside(content: bytes, path: str, depth: int, budget: Budget) -> Contents:
    """One file of a container."""
    contents = Contents(path[:400])
    try:
        if depth > _DEEPEST:
            raise Blocked("containers lie in containers too deeply")
        _look(content, contents, depth, budget)
    except Blocked as error:
        contents.blocked = str(error)
    return contents


def _look(raw: bytes, contents: Contents, depth: int, budget: Budget) -> None:
    """Read a file as what its first bytes say it is."""
    if _PICKLE.match(raw):
        _pickle(raw, contents, "pickle", depth)
    elif is_compressed(raw) and (unpacked := _unpacked(raw, budget)):
        data, codec = unpacked
        if _PICKLE.match(data):
            _pickle(data, contents, f"{codec}-compressed pickle", depth)
        else:
            contents.container = f"{codec}-compressed file"
            contents.members.append(_inside(data, f"{contents.path}!", depth + 1, budget))
    elif is_zip(raw):
        _zip(raw, contents, depth, budget)
    elif is_tar(raw):
        # The first bytes of an archive are its first file's name, which may be a pickle as well.
        _other(raw, contents, depth)
        contents.container = "tar"
        for name, content in tar_members(raw, budget):
            contents.members.append(_inside(content, f"{contents.path}!{name}", depth + 1, budget))
    elif raw.startswith(_NPY):
        _array(raw, contents)
    elif looks_like_onnx(raw):
        _onnx(raw, contents)
    elif _XGBOOST_UBJ.match(raw):
        contents.container = "XGBoost UBJSON"
    elif _XGBOOST_JSON.match(raw):
        contents.container = "XGBoost JSON"
    elif _LIGHTGBM.match(raw):
        contents.container = "LightGBM text"
    else:
        _other(raw, contents, depth)


def _unpacked(raw: bytes, budget: Budget) -> tuple[bytes, str] | None:
    """What is compressed in `raw`; None for a file that only begins like a compressed one, as texts may."""
    try:
        return expand(raw, budget)
    except Blocked:
        if raw.startswith(_SURELY_COMPRESSED):
            raise
        return None


def _pickle(data: bytes, contents: Contents, container: str, depth: int) -> None:
    contents.container = container
    machine = Machine(io.BytesIO(data), in_archive=depth > 0)
    # Shared, so that a blocked file still shows what was found before the block.
    machine.names, machine.versions = contents.names, contents.versions
    machine.follow()


def _other(raw: bytes, contents: Contents, depth: int) -> None:
    """Nothing that is known; a pickle of the oldest protocols has no sign, so it is tried."""
    tried = Contents()
    try:
        _pickle(raw, tried, "pickle", depth)
    except Blocked as error:
        if not (tried.names and str(error).endswith("end of the pickle")):
            contents.container = (
                "safetensors" if _is_safetensors(raw) else "text" if _is_text(raw) else "other"
            )
            return
    contents.container, contents.names, contents.versions = "pickle", tried.names, tried.versions


def _zip(raw: bytes, contents: Contents, depth: int, budget: Budget) -> None:
    contents.container = "zip"
    for name, content in zip_members(raw, budget):
        if name == "schema.json" and _walk(content, contents):
            contents.container = _SKOPS
            continue
        if name.rpartition("/")[2] == "data.pkl":
            contents.container = "PyTorch zip"
        contents.members.append(_inside(content, f"{contents.path}!{name}", depth + 1, budget))


def _array(raw: bytes, contents: Contents) -> None:
    """A .npy file: a header, then numbers, or a pickle where the elements are objects."""
    contents.container = "npy"
    try:
        form, start = ("<H", 10) if raw[6] == 1 else ("<I", 12)
        (length,) = struct.unpack_from(form, raw, 8)
        if length > 1 << 16:
            raise Blocked("its array header is too long")
        elements = ast.literal_eval(raw[start : start + length].decode("latin1").strip())["descr"]
        objects = _holds_objects(elements)
    except (struct.error, ValueError, SyntaxError, LookupError, TypeError, MemoryError) as error:
        raise Blocked("it is not a well-formed array file") from error
    if objects:
        _pickle(raw[start + length :], contents, "npy of objects", 1)


def _holds_objects(elements: Any) -> bool:
    """Whether a type as numpy describes it, text or a list of fields, has room for Python objects."""
    if isinstance(elements, str):
        return "O" in elements or "object" in elements
    if isinstance(elements, tuple):
        return _holds_objects(elements[0])
    return any(_holds_objects(part[1]) for part in elements)


def _onnx(raw: bytes, contents: Contents) -> None:
    contents.container = "ONNX"
    facts = read_onnx(raw)
    contents.names.update(facts.foreign)
    if facts.functions:
        contents.remarks.append(f"functions defined in the file: {', '.join(sorted(facts.functions)[:10])}")
    if facts.external:
        named = ", ".join(sorted(facts.external - {""})[:5]) or "unnamed"
        raise Blocked(f"it keeps weights in other files ({named})")


def _is_safetensors(raw: bytes) -> bool:
    return len(raw) > 9 and raw[8:9] == b"{" and 2 <= int.from_bytes(raw[:8], "little") <= len(raw) - 8


def _is_text(raw: bytes) -> bool:
    return not re.search(rb"[\x00-\x08\x0e-\x1f]", raw[:4096])


def _walk(content: bytes, contents: Contents) -> bool:
    """Collect classes and versions from every node of a skops schema; False where it is none.

    Without recursion: the caller's stack is not the file's to use up."""
    try:
        schema = json.loads(content)
    except RecursionError as error:
        raise Blocked("it is nested too deeply") from error
    except ValueError:
        return False
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
            continue
        if not isinstance(node, dict):
            continue
        waiting.extend(node.values())
        module, name = node.get("__module__"), node.get("__class__")
        if isinstance(module, str) and isinstance(name, str):
            contents.names.add(f"{module}.{name}"[:400])
            if node.get("__loader__") == "MethodNode" and isinstance(bound := node.get("content"), dict):
                contents.names.add(f"{module}.{name}.{bound.get('func')}"[:400])
        version = node.get("_sklearn_version")
        if isinstance(version, dict) and isinstance(version.get("content"), str):
            contents.versions.add(version["content"].strip('"')[:40])
    return isinstance(schema, dict) and "__loader__" in schema
