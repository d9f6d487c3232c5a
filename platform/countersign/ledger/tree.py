"""The Merkle tree of RFC 9162 over leaf hashes: hashing, folding, the frontier."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
TILE_WIDTH = 256
"""Leaves, or nodes of the level below, in one stored node (C2SP tlog-tiles)."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf's bytes."""
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\1" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root of a complete subtree: a power of two of hashes. The fast path of sealing and verification."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return hashes[0]


def split(count: int) -> int:
    """The largest power of two below `count` (which is at least 2): where RFC 9162 cuts a tree in two."""
    return 1 << ((count - 1).bit_length() - 1)


class Frontier:
    """Roots of the complete subtrees of `size` leaves, largest first: all that a sealer has to keep.

    Raises ValueError when the roots do not fit the size."""

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        self.size, self.roots = size, list(roots)
        if len(self.roots) != size.bit_count():
            raise ValueError("the frontier does not fit its size")

    @classmethod
    def from_bytes(cls, size: int, packed: bytes) -> Frontier:
        """As stored: the roots one after the other."""
        return cls(size, [packed[at : at + 32] for at in range(0, len(packed), 32)])

    def to_bytes(self) -> bytes:
        """The roots one after the other."""
        return b"".join(self.roots)

    def _push(self, root: bytes, leaves: int) -> None:
        count, self.size = self.size // leaves, self.size + leaves
        while count & 1:
            root, count = node_hash(self.roots.pop(), root), count >> 1
        self.roots.append(root)

    def extend(self, hashes: Sequence[bytes]) -> None:
        """Add leaf hashes, in order."""
        at = 0
        while at < len(hashes):
            whole_tile = self.size % TILE_WIDTH == 0 and len(hashes) - at >= TILE_WIDTH
            count = TILE_WIDTH if whole_tile else 1
            self._push(fold(hashes[at : at + count]), count)
            at += count

    def root(self) -> bytes:
        """Root of the tree of all leaves so far."""
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in self.roots[-2::-1]:
            root = node_hash(left, root)
        return root
