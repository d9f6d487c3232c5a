"""The Merkle tree and its proofs, against public vectors and against the definition in RFC 9162."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.ledger.proofs import (
    consistency,
    inclusion,
    subtree_reader,
    verify_consistency,
    verify_inclusion,
)
from countersign.ledger.tree import EMPTY_ROOT, Frontier, leaf_hash

VECTORS = Path(__file__).parent / "vectors"
INCLUSION = json.loads((VECTORS / "merkle-inclusion.json").read_text())
CONSISTENCY = json.loads((VECTORS / "merkle-consistency.json").read_text())
LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]


def root_by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, as it is written there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return sha256(b"\1" + root_by_definition(leaves[:middle]) + root_by_definition(leaves[middle:])).digest()


def stored_run(level: int, first: int, count: int) -> list[bytes]:
    """What the database answers for the first 70,000 leaves."""
    if level == 0:
        return LEAVES[first : first + count]
    unit = 256**level
    return [root_by_definition(LEAVES[n * unit : (n + 1) * unit]) for n in range(first, first + count)]


subtree = subtree_reader(stored_run)


def decoded(encoded: list[str] | None) -> list[bytes]:
    return [b64decode(text) for text in encoded or []]


@pytest.mark.parametrize("vector", INCLUSION, ids=lambda vector: vector["desc"])
def test_published_inclusion_proofs(vector: dict[str, Any]) -> None:
    holds = verify_inclusion(
        b64decode(vector["leafHash"]),
        vector["leafIdx"],
        vector["treeSize"],
        decoded(vector["proof"]),
        b64decode(vector["root"]),
    )
    assert holds is not vector["wantErr"]


@pytest.mark.parametrize("vector", CONSISTENCY, ids=lambda vector: vector["desc"])
def test_published_consistency_proofs(vector: dict[str, Any]) -> None:
    holds = verify_consistency(
        vector["size1"],
        vector["size2"],
        decoded(vector["proof"]),
        b64decode(vector["root1"]),
        b64decode(vector["root2"]),
    )
    assert holds is not vector["wantErr"]


def test_frontier_leads_to_the_root_of_the_definition() -> None:
    assert Frontier().root() == EMPTY_ROOT
    for size in [*range(1, 20), 255, 256, 257, 511, 513, 1025]:
        at_once, one_by_one = Frontier(), Frontier()
        at_once.extend(LEAVES[:size])
        for leaf in LEAVES[:size]:
            one_by_one.extend([leaf])
        stored = Frontier.from_bytes(size, at_once.to_bytes())
        assert at_once.root() == one_by_one.root() == stored.root() == root_by_definition(LEAVES[:size])


def test_frontier_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="fit"):
        Frontier.from_bytes(3, bytes(32))


@given(st.integers(1, 1200), st.data())
@settings(max_examples=80, deadline=None)
def test_proofs_hold_and_only_for_what_they_prove(size: int, data: st.DataObject) -> None:
    root = root_by_definition(LEAVES[:size])
    index = data.draw(st.integers(0, size - 1))
    path = inclusion(index, size, subtree)
    assert verify_inclusion(LEAVES[index], index, size, path, root)
    assert not verify_inclusion(leaf_hash(b"another"), index, size, path, root)
    if size > 1:
        assert not verify_inclusion(LEAVES[index], (index + 1) % size, size, path, root)
    old = data.draw(st.integers(1, size))
    old_root = root_by_definition(LEAVES[:old])
    proof = consistency(old, size, subtree)
    assert verify_consistency(old, size, proof, old_root, root)
    assert not verify_consistency(old, size, proof, leaf_hash(b"another"), root)


def test_a_proof_reads_few_hashes_of_a_large_tree() -> None:
    read = 0

    def counting(level: int, first: int, count: int) -> list[bytes]:
        nonlocal read
        read += count
        return stored_run(level, first, count)

    path = inclusion(65_000, 70_000, subtree_reader(counting))
    assert verify_inclusion(LEAVES[65_000], 65_000, 70_000, path, root_by_definition(LEAVES))
    assert read < 2000
