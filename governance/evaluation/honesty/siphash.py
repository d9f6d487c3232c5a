"""SipHash of text, of many values at once and in the memory of a few thousand: what pandas gives, without its 45 MB."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_Words = NDArray[np.uint64]

#: pandas' fixed key, as two little-endian words.
_KEY = np.frombuffer(b"0123456789123456", dtype="<u8")
#: Longer text is hashed value by value.
_LONGEST = 256
_AT_ONCE = 4096


def text_hashes(values: Any) -> _Words:
    """SipHash-2-4 (Aumasson & Bernstein 2012, INDOCRYPT) of each value of an Arrow array of text or bytes, made even
    by the finaliser of SplitMix64: equal to `pandas.util.hash_array`. A missing value counts as the text “None”."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_fixed_size_binary(values.type):
        values = values.cast(pa.binary())
    if values.null_count:
        values = pc.fill_null(values, pa.scalar("None", values.type))
    wide = values.cast(pa.large_binary())
    offsets = np.frombuffer(wide.buffers()[1], dtype=np.int64)[wide.offset : wide.offset + len(wide) + 1]
    content = np.frombuffer(wide.buffers()[2] or b"", dtype=np.uint8)
    hashes = np.empty(len(wide), dtype=np.uint64)
    if not len(wide):
        return hashes
    lengths = np.diff(offsets)
    if int(lengths.max()) > _LONGEST:
        return _one_by_one(wide)
    for start in range(0, len(wide), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        hashes[some] = _siphash(content, offsets[:-1][some], lengths[some])
    _even(hashes)
    return hashes


def _one_by_one(values: Any) -> _Words:
    import pandas as pd  # for long text alone

    objects = np.empty(len(values), dtype=object)
    objects[:] = values.to_pylist()
    found: _Words = pd.util.hash_array(objects, categorize=False).astype(np.uint64)
    return found


def _siphash(content: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> _Words:
    """Eight bytes of every value at a time, as long as it has some; its length stands in the last byte of its last
    word."""
    last = lengths // 8
    width = 8 * (int(last.max()) + 1)
    places = np.arange(width)
    inside = places < lengths[:, None]
    padded = np.zeros((len(lengths), width), dtype=np.uint8)
    padded[inside] = content[(starts[:, None] + places)[inside]]
    padded[np.arange(len(lengths)), 8 * last + 7] = lengths & 0xFF
    words = padded.view("<u8")
    state = [
        np.full(len(lengths), _KEY[at % 2] ^ np.uint64(constant))
        for at, constant in enumerate(
            (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
        )
    ]
    for at in range(words.shape[1]):
        left = slice(None) if at <= last.min() else np.flatnonzero(last >= at)
        word = words[left, at]
        some = [column[left] for column in state]
        some[3] ^= word
        _rounds(some, 2)
        some[0] ^= word
        for column, mixed in zip(state, some, strict=True):
            column[left] = mixed
    state[2] ^= np.uint64(0xFF)
    _rounds(state, 4)
    found: _Words = state[0] ^ state[1] ^ state[2] ^ state[3]
    return found


def _rounds(state: list[_Words], count: int) -> None:
    v0, v1, v2, v3 = state
    for _ in range(count):
        v0 += v1
        v1 = _turned(v1, 13) ^ v0
        v0 = _turned(v0, 32)
        v2 += v3
        v3 = _turned(v3, 16) ^ v2
        v0 += v3
        v3 = _turned(v3, 21) ^ v0
        v2 += v1
        v1 = _turned(v1, 17) ^ v2
        v2 = _turned(v2, 32)
    state[:] = v0, v1, v2, v3


def _turned(words: _Words, bits: int) -> _Words:
    turned: _Words = (words << np.uint64(bits)) | (words >> np.uint64(64 - bits))
    return turned


def _even(values: _Words) -> None:
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
