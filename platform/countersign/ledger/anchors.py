"""The anchor: the newest checkpoint and the hash tiles, as files outside the database.

Without it, a cut-off tail, a restored backup or a stolen key leaves no trace in the tree. Laid out as C2SP
tlog-tiles, so a mirror can serve or copy the folder as it is. Tiles hold hashes only, nothing anybody wrote.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from countersign.ledger.note import BadSignature, Head, MalformedNote, VerifierKey, open_checkpoint
from countersign.ledger.proofs import ReadRun, Subtree
from countersign.ledger.tree import TILE_WIDTH

CHECKPOINT = "checkpoint"
HASH_SIZE = 32


class AnchorAhead(RuntimeError):
    """The anchor holds a tree that the database does not continue: a restored backup, a failed-over replica
    or a rewritten log. Nothing may be signed until a person has decided."""


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold the folder for one sealer of this host; False when another holds it. The lock goes with the
    process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def read_head(folder: Path, key: VerifierKey) -> Head | None:
    """The head the anchor holds, or None where nothing was published yet. Raises AnchorAhead when the file is
    not a checkpoint by this key."""
    try:
        published = (folder / CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return open_checkpoint(published, [key])
    except (MalformedNote, BadSignature) as error:
        raise AnchorAhead(f"{folder / CHECKPOINT} is no checkpoint by this ledger's key: {error}") from None


def check(anchored: Head, *, origin: str, size: int, subtree: Subtree) -> None:
    """Refuse when the database's tree of `size` leaves does not begin with the anchored one. Raises
    AnchorAhead."""
    if anchored.origin != origin:
        raise AnchorAhead(f"the anchor belongs to the ledger {anchored.origin}, this database to {origin}")
    if anchored.size > size:
        raise AnchorAhead(
            f"the anchor holds {anchored.size} entries, this database {size}: it was restored from a backup "
            "or cut off. Nothing is sealed until it continues the anchor's tree"
        )
    if anchored.size and subtree(0, anchored.size) != anchored.root:
        raise AnchorAhead(
            f"the first {anchored.size} entries of this database are not those the anchor signed: "
            "history was rewritten or another database was put in its place"
        )


def publish(folder: Path, *, note: str, head: Head, since: int, read_run: ReadRun) -> None:
    """Write the tiles that `head` has and the tree of `since` leaves had not, then the checkpoint. Each file
    is written under a temporary name, synced and renamed, so that a reader never meets half of one."""
    for level in range(8):
        before, after = since // TILE_WIDTH**level, head.size // TILE_WIDTH**level
        if after == 0:
            break
        if before == after and level:
            continue  # the tile is there; at level 0 sizes always differ
        for tile in range(before // TILE_WIDTH, -(-after // TILE_WIDTH)):
            width = min(TILE_WIDTH, after - tile * TILE_WIDTH)
            hashes = b"".join(read_run(level, tile * TILE_WIDTH, width))
            _write(folder / tile_path(level, tile, width), hashes)
            if width == TILE_WIDTH:
                _remove_partial(folder / tile_path(level, tile, TILE_WIDTH))
    _write(folder / CHECKPOINT, note.encode())


def tile_path(level: int, tile: int, width: int) -> str:
    """`tile/<level>/<tile>[.p/<width>]`, the number in groups of three digits, all but the last after an
    x."""
    digits = f"{tile:d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{name}" + ("" if width == TILE_WIDTH else f".p/{width}")


def leaf_tiles(folder: Path, size: int) -> Iterator[list[bytes] | None]:
    """The leaf hashes of the first `size` leaves as the folder's tiles hold them, tile by tile; None for a
    tile that is not there or has the wrong length."""
    for tile in range(-(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - tile * TILE_WIDTH)
        try:
            packed = (folder / tile_path(0, tile, width)).read_bytes()
        except FileNotFoundError:
            try:  # a mirror may hold the full tile where the checkpoint still meant a part of it
                packed = (folder / tile_path(0, tile, TILE_WIDTH)).read_bytes()[: width * HASH_SIZE]
            except FileNotFoundError:
                packed = b""
        whole = len(packed) == width * HASH_SIZE
        yield [packed[at : at + HASH_SIZE] for at in range(0, len(packed), HASH_SIZE)] if whole else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")  # one writer at a time: the sealer locks the folder
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_partial(full: Path) -> None:
    """A full tile replaces the parts published before it."""
    partial = full.with_name(full.name + ".p")
    for path in partial.glob("*"):
        path.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        partial.rmdir()
