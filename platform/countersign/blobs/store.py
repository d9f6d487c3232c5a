"""Taking bytes in and handing them out: streamed in constant memory, hashed as they arrive, whole or not at
all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast
from uuid import uuid4

from countersign.blobs.models import Blob
from countersign.blobs.storage import storage
from countersign.errors import CountersignError, Invalid, TooLarge

BLOCK = 1024 * 1024
"""The most that is held of a stream at once."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Incoming:
    """Bytes that arrived whole and durable, and that no row names yet: hand them to `keep_blob`, or
    `discard`."""

    key: str
    sha256: str
    size: int


def sha256_of_text(text: str) -> str:
    """A SHA-256 as people write it (64 hexadecimal digits, `sha256:` before it or not) in its one form.

    Raises Invalid (code bad_digest)."""
    digest = text.strip().lower().removeprefix("sha256:")
    if not _SHA256.fullmatch(digest):
        raise Invalid("A digest is the SHA-256 in 64 hexadecimal digits.", code="bad_digest")
    return digest


def receive(
    stream: Iterable[bytes], *, size: int | None, expected_sha256: str | None, limit: int
) -> Incoming:
    """Take a stream in, in one uninterrupted run. `size` and `expected_sha256` are what was announced, if
    anything.

    Raises Invalid (digest_mismatch, size_mismatch, bad_digest), TooLarge beyond `limit` bytes, NoRoom at once
    where the announced size does not fit. Whatever is raised, by the stream too, leaves nothing behind."""
    expected = sha256_of_text(expected_sha256) if expected_sha256 is not None else None
    if size is not None and size > limit:
        raise TooLarge(f"{size:,} bytes were announced; at most {limit:,} are taken here.")
    place = storage()
    place.require_room(size or 0)
    pending = place.begin()
    try:
        digest, total = hashlib.sha256(), 0
        for block in stream:
            total += len(block)
            if total > limit:
                raise TooLarge(f"More than {limit:,} bytes arrived, which is the most that is taken here.")
            if size is not None and total > size:
                raise _other_size(f"more than the announced {size:,} bytes arrived")
            digest.update(block)
            pending.write(block)
        if size is not None and total != size:
            raise _other_size(f"{total:,} of the announced {size:,} bytes arrived")
        found = digest.hexdigest()
        if expected is not None and found != expected:
            raise Invalid(
                f"The bytes that arrived have SHA-256 {found}, announced was {expected}. Nothing was kept: "
                "send the "
                "file again, or correct the digest.",
                code="digest_mismatch",
            )
        key = f"{found}/{uuid4()}"
        pending.keep(key)
    except BaseException:
        pending.discard()
        raise
    return Incoming(key, found, total)


def _other_size(what: str) -> Invalid:
    return Invalid(f"The upload is not whole: {what}. Nothing was kept: send it again.", code="size_mismatch")


def discard(incoming: Incoming) -> None:
    """Remove bytes that no row will name. Call it only where the transaction that kept them surely failed."""
    storage().delete(incoming.key)


@contextmanager
def kept_or_discarded(incoming: Iterable[Incoming]) -> Iterator[None]:
    """Around the one action that keeps these bytes in its transaction: what it refuses is removed at once.
    After any other error the commit is in doubt, and the collector decides a day later."""
    try:
        yield
    except CountersignError:
        for one in incoming:
            discard(one)
        raise


def open_blob(blob: Blob) -> BinaryIO:
    """The bytes of a blob, seekable. Close it. Raises FileNotFoundError where the storage lost them."""
    return storage().open(blob.key)


@contextmanager
def local_path(blob: Blob) -> Iterator[Path]:
    """A read-only file with the bytes of a blob, for as long as the context lasts."""
    with storage().local_path(blob.key) as path:
        yield path


def blocks_of(file: BinaryIO, *, length: int | None = None) -> Iterator[bytes]:
    """The next `length` bytes (None: all that are left) of a file in blocks."""
    left = length
    while left is None or left > 0:
        block = file.read(BLOCK if left is None else min(BLOCK, left))
        if not block:
            return
        if left is not None:
            left -= len(block)
        yield block


def is_intact(blob: Blob) -> bool:
    """Whether the bytes are there and still have the digest they are named by. Reads all of them."""
    try:
        with open_blob(blob) as file:
            return hashlib.file_digest(cast(BufferedReader, file), "sha256").hexdigest() == blob.sha256
    except OSError:
        return False
