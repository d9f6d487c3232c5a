"""Take off the compression joblib puts around a pickle, choosing by the first bytes as joblib does."""

import bz2
import lzma
import zlib
from typing import Protocol

from .archives import Budget
from .machine import Blocked


class _Decompressor(Protocol):
    @property
    def unused_data(self) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


_GZIP_WINDOW = 31
_SIGNS = (b"\x78", b"\x1f\x8b", b"BZ", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18", b"ZF")


def is_compressed(raw: bytes) -> bool:
    """Whether joblib would take it for a compressed file, or for one of its first releases."""
    return raw.startswith(_SIGNS)


def expand(raw: bytes, budget: Budget) -> tuple[bytes, str]:
    """What is compressed in `raw`, and the codec. Raises Blocked for what cannot be read whole."""
    decompressor: _Decompressor
    if raw.startswith(b"\x78"):
        decompressor, name = zlib.decompressobj(), "zlib"
    elif raw.startswith(b"\x1f\x8b"):
        decompressor, name = zlib.decompressobj(_GZIP_WINDOW), "gzip"
    elif raw.startswith(b"BZ"):
        decompressor, name = bz2.BZ2Decompressor(), "bz2"
    elif raw.startswith(b"\xfd7zXZ"):
        decompressor, name = lzma.LZMADecompressor(lzma.FORMAT_XZ), "xz"
    elif raw.startswith(b"\x5d\x00"):
        decompressor, name = lzma.LZMADecompressor(lzma.FORMAT_ALONE), "lzma"
    elif raw.startswith(b"\x04\x22\x4d\x18"):
        raise Blocked("it is compressed with lz4, which is not read")
    else:
        raise Blocked("it was written by joblib before release 0.10, which is not read")
    try:
        data = decompressor.decompress(raw, budget.size)
    except (zlib.error, OSError, EOFError, lzma.LZMAError) as error:
        raise Blocked(f"its {name} compression cannot be read") from error
    if not decompressor.eof:
        raise Blocked(f"its {name} compression is cut short or too large")
    if decompressor.unused_data:
        raise Blocked(f"bytes follow the end of its {name} compression")
    budget.take(len(data))
    return data, name
