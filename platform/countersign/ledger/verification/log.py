"""One pass over the log in index order: every row, every stored node, every signed head, every mirrored
leaf."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from countersign.ledger import anchors
from countersign.ledger.models import Node, Tree
from countersign.ledger.tree import TILE_WIDTH, Frontier, fold
from countersign.ledger.verification import rows
from countersign.ledger.verification.heads import SignedHead
from countersign.ledger.verification.report import Report, Section
from countersign.ledger.verification.snapshot import Progress, stream

Numbered = list[tuple[int, bytes]]
"""Index and hash of leaves that are there, in order."""


def check_log(
    tree: Tree,
    *,
    checkpoints: Iterable[SignedHead],
    anchored: Sequence[SignedHead],
    report: Report,
    progress: Progress,
) -> rows.Seen:
    """Recompute the tree from the entries' bytes and compare it with all that was stored and signed."""
    seen = rows.Seen()
    roots = _Roots(heapq.merge(checkpoints, anchored, key=lambda head: head.size), report)
    nodes = _Nodes(report)
    mirrors = _Mirrors(anchored, report)
    size = 0
    hashed = ((row[0], rows.check_sealed(row, seen, report)) for row in stream(rows.SELECT))
    for tile, group in groupby(hashed, key=lambda leaf: leaf[0] // TILE_WIDTH):
        leaves: Numbered = []
        for index, leaf in group:
            if index != size:
                missing = f"index {size} is" if index == size + 1 else f"indexes {size} to {index - 1} are"
                report.add(Section.ROWS, f"{missing} missing")
                roots.break_off(size)
            leaves.append((index, leaf))
            size = index + 1
        mirrors.compare(tile, leaves)
        nodes.compare(tile, leaves)
        roots.extend([leaf for _, leaf in leaves])
        progress(min(1.0, size / max(1, tree.size)), f"entry {size} of {tree.size}")
    report.size = size
    roots.finish(tree, size)
    nodes.finish(size)
    return seen


class _Roots:
    """The tree so far, compared with each signed head as it is reached."""

    def __init__(self, heads: Iterator[SignedHead], report: Report) -> None:
        self._heads, self._report = heads, report
        self._next = next(heads, None)
        self._frontier = Frontier()
        self._broken_at: int | None = None
        self._covered = 0  # up to here a checkpoint's signature and root hold
        self._first_wrong: int | None = None
        self._wrong = 0

    def break_off(self, index: int) -> None:
        """A leaf is missing: no root beyond it can be computed."""
        if self._broken_at is None:
            self._broken_at = index

    def extend(self, leaves: Sequence[bytes]) -> None:
        if self._broken_at is not None:
            return
        at = 0
        while self._next is not None and self._next.size <= self._frontier.size + len(leaves) - at:
            step = self._next.size - self._frontier.size
            self._frontier.extend(leaves[at : at + step])
            at += step
            self._compare(self._next, self._frontier.root())
            self._next = next(self._heads, None)
        self._frontier.extend(leaves[at:])

    def _compare(self, head: SignedHead, root: bytes | None) -> None:
        if head.anchor is not None:
            if root != head.root:
                self._report.add(
                    Section.ANCHORS,
                    f"{head.anchor}: history before {head.size} was rewritten since it was signed",
                )
        elif root == head.root and self._first_wrong is None:
            self._covered = head.size
        else:
            self._first_wrong = self._first_wrong or head.size
            self._wrong += 1

    def finish(self, tree: Tree, size: int) -> None:
        while self._next is not None:
            if self._next.size <= size:
                self._compare(self._next, None)
            elif self._next.anchor is not None:
                self._report.add(
                    Section.ANCHORS, f"{self._next.anchor}: {self._next.size}: the log is shorter ({size})"
                )
            else:
                self._report.add(Section.ROOTS, f"checkpoint {self._next.size}: the log is shorter ({size})")
            self._next = next(self._heads, None)
        self._report.covered = self._covered
        if self._first_wrong is not None:
            more = f" (and {self._wrong - 1} after it)" if self._wrong > 1 else ""
            self._report.add(
                Section.ROOTS,
                f"checkpoint {self._first_wrong}: the entries do not lead to its root{more}; "
                f"the first wrong one is in {self._covered}..{self._first_wrong - 1}",
            )
        elif self._covered < size:
            self._report.add(Section.ROOTS, f"{self._covered}..{size - 1}: no valid checkpoint covers them")
        if tree.size != size:
            self._report.add(Section.ROOTS, f"the state row counts {tree.size} leaves, {size} are sealed")
        elif self._broken_at is None and bytes(tree.frontier) != self._frontier.to_bytes():
            self._report.add(Section.ROOTS, "the state row's frontier is not that of the entries")


class _Nodes:
    """The stored roots of complete runs, recomputed level by level."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._children: defaultdict[int, list[bytes | None]] = defaultdict(list)
        self._pushed: Counter[int] = Counter()
        self._stored: dict[int, bytes] = {}
        self._block: int | None = None

    def compare(self, tile: int, leaves: Numbered) -> None:
        while self._pushed[1] < tile:
            self._push(1, None)  # a whole tile is missing
        self._push(1, fold([leaf for _, leaf in leaves]) if len(leaves) == TILE_WIDTH else None)

    def _push(self, level: int, root: bytes | None) -> None:
        """Take the root of the next run of 256**level leaves; None when it is not complete."""
        number, unit = self._pushed[level], TILE_WIDTH**level
        if root is not None and self._read(level, number) != root:
            place = f"run {number * unit}..{(number + 1) * unit - 1}"
            self._report.add(Section.ROOTS, f"{place}: the stored node is not its root")
        self._pushed[level] += 1
        self._children[level].append(root)
        if len(self._children[level]) == TILE_WIDTH:
            whole = [child for child in self._children[level] if child is not None]
            self._children[level].clear()
            self._push(level + 1, fold(whole) if len(whole) == TILE_WIDTH else None)

    def _read(self, level: int, number: int) -> bytes | None:
        if level > 1:
            stored = Node.objects.filter(level=level, n=number).values_list("hash", flat=True).first()
            return None if stored is None else bytes(stored)
        block = number // TILE_WIDTH
        if self._block != block:
            found = Node.objects.filter(level=1, n__gte=block * TILE_WIDTH, n__lt=(block + 1) * TILE_WIDTH)
            self._stored = {n: bytes(root) for n, root in found.values_list("n", "hash")}
            self._block = block
        return self._stored.get(number)

    def finish(self, size: int) -> None:
        surplus = (
            "SELECT level, n FROM ledger_node WHERE (n + 1) * power(256::numeric, level) > %s ORDER BY 1, 2"
        )
        for level, n in stream(surplus, [size]):
            self._report.add(
                Section.ROOTS, f"node {n} of level {level} stands for more entries than there are"
            )


class _Mirrors:
    """Leaf hashes outside the database: they name an altered entry by its index."""

    def __init__(self, anchored: Sequence[SignedHead], report: Report) -> None:
        self._report = report
        self._open = [
            (head, anchors.leaf_tiles(head.tiles, head.size)) for head in anchored if head.tiles is not None
        ]
        self._tile = 0

    def compare(self, tile: int, leaves: Numbered) -> None:
        for number in range(self._tile, tile + 1):
            present = leaves if number == tile else []
            for head, tiles in self._open:
                self._compare(number, dict(present), head, next(tiles, []))
        self._tile = tile + 1

    def _compare(
        self, tile: int, present: dict[int, bytes], head: SignedHead, mirrored: list[bytes] | None
    ) -> None:
        if mirrored is None:
            self._report.add(Section.ANCHORS, f"{head.anchor}: leaf tile {tile} is missing or cut off")
            return
        for index, leaf in enumerate(mirrored, start=tile * TILE_WIDTH):
            if index in present and present[index] != leaf:
                self._report.add(
                    Section.ANCHORS, f"{head.anchor}: index {index} is another entry than was published"
                )
