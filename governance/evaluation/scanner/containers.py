"""Take off the compression joblib puts around a pickle, choosing by the first bytes as joblib does."""

import bz2
import lzma
import zlib
from typing import Protocol

from .machine import Blocked

_LARGEST = 4 << 30


class _Decompressor(Protocol):
    @property
    def unused_data(self) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


_GZIP_WINDOW = 31


def expand(raw: bytes) -> tuple[bytes, str]:
    """The pickle inside `raw` and the container's name. Raises Blocked for what cannot be read whole."""
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
    elif raw.startswith(b"ZF"):
        raise Blocked("it was written by joblib before release 0.10, which is not read")
    else:
        return raw, "pickle"
    try:
        data = decompressor.decompress(raw, _LARGEST)
    except (zlib.error, OSError, EOFError, lzma.LZMAError) as error:
        raise Blocked(f"its {name} compression cannot be read") from error
    if not decompressor.eof:
        raise Blocked(f"its {name} compression is cut short or too large")
    if decompressor.unused_data:
        raise Blocked(f"bytes follow the end of its {name} compression")
    return data, f"{name}-compressed pickle"
