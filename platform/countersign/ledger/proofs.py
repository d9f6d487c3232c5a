"""Inclusion and consistency proofs of RFC 9162, made from any store of complete subtrees and checked without
it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from countersign.ledger.tree import TILE_WIDTH, fold, node_hash, split

Subtree = Callable[[int, int], bytes]
"""Root of the leaves from `low` up to, not including, `high`: a range as RFC 9162 cuts it."""
ReadRun = Callable[[int, int, int], Sequence[bytes]]
"""Stored hashes (level, first, count): level 0 the leaves, above it the roots of runs of 256**level
leaves."""


def subtree_reader(read_run: ReadRun) -> Subtree:
    """A Subtree that reads at most 256 stored hashes for each complete subtree, whatever the size of the
    log."""

    def subtree(low: int, high: int) -> bytes:
        count = high - low
        if count & (count - 1) or low % count:  # the ragged right edge, cut as the tree cuts it
            middle = low + split(count)
            return node_hash(subtree(low, middle), subtree(middle, high))
        level = (count.bit_length() - 1) // 8
        unit = TILE_WIDTH**level
        return fold(read_run(level, low // unit, count // unit))

    return subtree


def siblings(index: int, size: int) -> list[tuple[int, int]]:
    """The ranges of leaves, first to not including last, whose roots prove leaf `index` in the tree of `size`
    leaves; the sibling of the leaf first. Those that end at or before `index` stand on its left."""
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + split(high - low)
        if index < middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low = middle
    return path[::-1]


def inclusion(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves, sibling of the leaf first."""
    return [subtree(*part) for part in siblings(index, size)]


def consistency(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """The proof that the tree of `new` leaves begins with the tree of `old`; empty for 0 and for the same."""
    if old in (0, new):
        return []
    low, high, path = 0, new, []
    while old != high:
        middle = low + split(high - low)
        if old <= middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low = middle
    if low > 0:
        path.append((low, high))
    return [subtree(*part) for part in reversed(path)]


class _DoesNotFit(ValueError):
    """The proof has too few or too many hashes, or one that is none."""


def _climb(first: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """RFC 9162, 2.1.3.2 and 2.1.4.2: each hash, and whether it stands on the left; the path must end at the
    root."""
    for step in proof:
        if last == 0 or len(step) != 32:
            raise _DoesNotFit
        left = bool(first & 1) or first == last
        while left and not first & 1 and first:
            first, last = first >> 1, last >> 1
        yield step, left
        first, last = first >> 1, last >> 1
    if last:
        raise _DoesNotFit


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf's hash at `index` to the root of `size` leaves."""
    if not 0 <= index < size or len(leaf) != 32:
        return False
    try:
        for step, left in _climb(index, size - 1, proof):
            leaf = node_hash(step, leaf) if left else node_hash(leaf, step)
    except _DoesNotFit:
        return False
    return leaf == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree of `new` leaves begins with the tree of `old`. From size 0 there is nothing to prove:
    that is answered False, the caller decides."""
    if not 0 < old <= new or old == new:
        return old == new > 0 and not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path or len(path[0]) != 32:
        return False
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_hash = new_hash = path[0]
    try:
        for step, left in _climb(first, last, path[1:]):
            if left:
                old_hash, new_hash = node_hash(step, old_hash), node_hash(step, new_hash)
            else:
                new_hash = node_hash(new_hash, step)
    except _DoesNotFit:
        return False
    return old_hash == old_root and new_hash == new_root
