"""What an ONNX file says about itself, read straight from its bytes. Standard library only.

An ONNX file is one protocol buffer, ModelProto of onnx.proto; the field numbers below are that file's. It holds
operators and numbers, no code: what can reach outside are operators of foreign domains, whose code a host would
have to install, and weights kept in other files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .machine import Blocked

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
# ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, FunctionProto, StringStringEntryProto
_MODEL_GRAPH, _MODEL_FUNCTIONS, _MODEL_PRODUCER, _MODEL_TRAINING = 7, 25, 2, 20
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_NAME, _ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_INTS, _ATTRIBUTE_STRINGS = 1, 5, 6, 8, 9
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 10, 11
_TENSOR_TYPE, _TENSOR_STRINGS, _TENSOR_INT64, _TENSOR_NAME, _TENSOR_RAW = 2, 6, 7, 8, 9
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_TYPE_INT64 = 7
_FUNCTION_NAME, _FUNCTION_NODE, _FUNCTION_DOMAIN = 1, 7, 10
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

# Operators that every ONNX Runtime brings; those of another domain would need a library of their own.
BUILT_IN_DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training"}
) | {
    "com.microsoft",
    "com.microsoft.nchwc",
}
_LABELS = ("classlabels_strings", "classlabels_ints", "classlabels_int64s")
_MOST_LABELS = 100_000
_MOST_NODES = 1_000_000
_DEEPEST = 20


@dataclass
class Facts:
    """Operators of domains ONNX Runtime does not bring, files the weights lie in, functions the model defines for
    itself, the class labels its graph names (likeliest first), and who wrote it."""

    foreign: set[str] = field(default_factory=set)
    external: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    labels: list[list[str]] = field(default_factory=list)
    producer: str = ""


def looks_like_onnx(raw: bytes | memoryview) -> bool:
    """Whether the bytes are a ModelProto: it begins with its version, and a graph is among its fields."""
    if not raw or raw[0] != 0x08:
        return False
    try:
        return any(number == _MODEL_GRAPH for number, _, _ in _fields(memoryview(raw)))
    except Blocked:
        return False


def read_onnx(raw: bytes) -> Facts:
    """Read the whole structure; weights are passed over. Raises Blocked where it is not well formed."""
    facts = _Reader()
    for number, _, value in _fields(memoryview(raw)):
        if number == _MODEL_GRAPH:
            facts.graph(_view(value), 0)
        elif number == _MODEL_FUNCTIONS:
            facts.function(_view(value))
        elif number == _MODEL_TRAINING:
            raise Blocked("it holds training steps, which are not read")
        elif number == _MODEL_PRODUCER:
            facts.found.producer = _text(value)
    return facts.finished()


class _Reader:
    def __init__(self) -> None:
        self.found = Facts()
        self._operators: set[tuple[str, str]] = set()
        self._own: set[tuple[str, str]] = set()
        self._maps: list[list[str]] = []
        self._classifiers: list[list[str]] = []
        self._tensors: list[list[str]] = []
        self._nodes = 0

    def finished(self) -> Facts:
        self.found.foreign = {
            f"{domain}::{name}"
            for domain, name in self._operators - self._own
            if domain not in BUILT_IN_DOMAINS
        }
        self.found.functions = {f"{domain}::{name}" for domain, name in self._own}
        for labels in (*self._maps, *self._classifiers, *self._tensors):
            if labels not in self.found.labels:
                self.found.labels.append(labels)
        return self.found

    def graph(self, content: memoryview, depth: int) -> None:
        if depth > _DEEPEST:
            raise Blocked("it is nested too deeply")
        for number, _, value in _fields(content):
            if number == _GRAPH_NODE:
                self._node(_view(value), depth)
            elif number == _GRAPH_INITIALIZER:
                self._tensor(_view(value))

    def function(self, content: memoryview) -> None:
        name = domain = ""
        for number, _, value in _fields(content):
            if number == _FUNCTION_NAME:
                name = _text(value)
            elif number == _FUNCTION_DOMAIN:
                domain = _text(value)
            elif number == _FUNCTION_NODE:
                self._node(_view(value), 1)
        self._own.add((domain, name))

    def _node(self, content: memoryview, depth: int) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise Blocked(f"it has more than {_MOST_NODES} operators")
        operator = domain = ""
        labels: list[str] = []
        for number, _, value in _fields(content):
            if number == _NODE_OPERATOR:
                operator = _text(value)
            elif number == _NODE_DOMAIN:
                domain = _text(value)
            elif number == _NODE_ATTRIBUTE:
                labels = self._attribute(_view(value), depth) or labels
        self._operators.add((domain, operator))
        if labels:
            (self._maps if operator == "ZipMap" else self._classifiers).append(labels)

    def _attribute(self, content: memoryview, depth: int) -> list[str]:
        """Follow what is nested in an attribute; gives its labels where it holds class labels."""
        name = ""
        labels: list[str] = []
        for number, wire, value in _fields(content):
            if number == _ATTRIBUTE_NAME:
                name = _text(value)
            elif number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                self.graph(_view(value), depth + 1)
            elif number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                self._tensor(_view(value))
            elif number == _ATTRIBUTE_STRINGS and len(labels) < _MOST_LABELS:
                labels.append(_text(value))
            elif number == _ATTRIBUTE_INTS and len(labels) < _MOST_LABELS:
                labels += _integers(wire, value)
        return labels if name in _LABELS else []

    def _tensor(self, content: memoryview) -> None:
        """Note where a tensor's content lies, and its content where it is called classes."""
        name, kind = "", 0
        strings: list[str] = []
        integers: list[str] = []
        raw: memoryview | None = None
        for number, wire, value in _fields(content):
            if number == _TENSOR_EXTERNAL:
                entry = {key: item for key, _, item in _fields(_view(value))}
                if _text(entry.get(_ENTRY_KEY, b"")) == "location":
                    self.found.external.add(_text(entry.get(_ENTRY_VALUE, b"")))
            elif number == _TENSOR_LOCATION and value == 1:
                self.found.external.add("")
            elif number == _TENSOR_NAME:
                name = _text(value)
            elif number == _TENSOR_TYPE and isinstance(value, int):
                kind = value
            elif number == _TENSOR_STRINGS and len(strings) < _MOST_LABELS:
                strings.append(_text(value))
            elif number == _TENSOR_INT64 and len(integers) < _MOST_LABELS:
                integers += _integers(wire, value)
            elif number == _TENSOR_RAW:
                raw = _view(value)
        if name.rpartition("/")[2].startswith("classes"):
            if kind == _TYPE_INT64 and raw is not None and len(raw) % 8 == 0 and len(raw) <= 8 * _MOST_LABELS:
                integers = [
                    str(int.from_bytes(raw[place : place + 8], "little", signed=True))
                    for place in range(0, len(raw), 8)
                ]
            if strings or integers:
                self._tensors.append(strings or integers)


_Value = int | memoryview | bytes


def _fields(content: memoryview) -> Iterator[tuple[int, int, _Value]]:
    """Number, wire type and value of each field. Raises Blocked at the first that is cut or unknown."""
    place, end = 0, len(content)
    while place < end:
        tag, place = _varint(content, place)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise _malformed()
        if wire == _VARINT:
            value, place = _varint(content, place)
            yield number, wire, value
            continue
        if wire == _BYTES:
            length, place = _varint(content, place)
        elif wire in (_EIGHT, _FOUR):
            length = 8 if wire == _EIGHT else 4
        else:
            raise _malformed()
        if length > end - place:
            raise _malformed()
        yield number, wire, content[place : place + length]
        place += length


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for count in range(10):
        if place + count >= len(content):
            break
        byte = content[place + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, place + count + 1
    raise _malformed()


def _integers(wire: int, value: _Value) -> list[str]:
    """Signed 64-bit integers, one or packed."""
    if isinstance(value, int):
        numbers = [value]
    else:
        numbers, place, packed = [], 0, memoryview(value)
        while wire == _BYTES and place < len(packed) and len(numbers) < _MOST_LABELS:
            number, place = _varint(packed, place)
            numbers.append(number)
    return [str(number - (1 << 64) if number >= 1 << 63 else number) for number in numbers]


def _view(value: _Value) -> memoryview:
    if isinstance(value, int):
        raise _malformed()
    return memoryview(value)


def _text(value: _Value) -> str:
    return bytes(_view(value)[:400]).decode(errors="replace")


def _malformed() -> Blocked:
    return Blocked("it is not a well-formed ONNX file")
