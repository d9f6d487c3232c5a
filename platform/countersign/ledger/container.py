"""The container of a bundle: a ZIP of stored members in which (name, size, crc) decides every byte of every
header.

No time stamps, no compression, no optional fields: the same members give the same bytes, and no bit is left
that no check looks at. The headers are those `offline/verify.py` checks.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from countersign.ledger.offline.verify import CHUNK, directory, local_header

Content = bytes | Path


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the container, measured: its path there, where its bytes come from, size, crc and sha256."""

    path: str
    content: Content
    size: int
    crc: int
    sha256: str

    @classmethod
    def measure(cls, path: str, content: Content) -> Member:
        """Read the content once. Raises ValueError for a path that is not plain and relative, OSError."""
        parts = path.split("/")
        if not path.isascii() or not path.isprintable() or "\\" in path or {"", ".", ".."} & set(parts):
            raise ValueError(f"“{path}” is no path for a file of a bundle")
        digest, crc, size = hashlib.sha256(), 0, 0
        for chunk in _chunks(content):
            digest.update(chunk)
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
        return cls(path, content, size, crc, digest.hexdigest())


def write_container(target: BinaryIO, members: Sequence[Member]) -> None:
    """Write the members in this order. Raises ValueError when a path is there twice or a file was changed
    since it was measured."""
    if len({member.path for member in members}) != len(members):
        raise ValueError("a file of the bundle is there twice")
    placed: list[tuple[bytes, int, int, int]] = []
    at = 0
    for member in members:
        name = member.path.encode()
        placed.append((name, member.size, member.crc, at))
        header = local_header(name, member.size, member.crc)
        target.write(header)
        crc, size = 0, 0
        for chunk in _chunks(member.content):
            target.write(chunk)
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
        if (crc, size) != (member.crc, member.size):
            raise ValueError(f"{member.path} was changed while the bundle was written")
        at += len(header) + size
    target.write(directory(placed, at))


def _chunks(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
