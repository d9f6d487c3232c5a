"""Sealing: giving every committed entry its place in the tree, and signing the tree's head.

The lock is the lock on the one row of `ledger_tree`. All of a run is one transaction, so a killed sealer
leaves nothing behind, and every sealed entry is covered by a checkpoint; only after the commit is the head
published.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction

from countersign import clock
from countersign.ledger import anchors, keys, verbs
from countersign.ledger.models import Checkpoint, Node, Seal, Tree
from countersign.ledger.note import Head, VerifierKey, sign
from countersign.ledger.store import read_run, subtree
from countersign.ledger.tree import TILE_WIDTH, Frontier, fold

BATCH = 4096
BATCHES_A_CHECKPOINT = 16
CHECKPOINT_INTERVAL = timedelta(seconds=1)

_TAKE = """
WITH taken AS (
    DELETE FROM ledger_pending WHERE entry_id = ANY (ARRAY(
        SELECT entry_id FROM ledger_pending ORDER BY entry_id LIMIT %(batch)s)) RETURNING entry_id),
document AS MATERIALIZED (
    SELECT e.id, e.canonical, convert_from(e.canonical, 'UTF8')::jsonb AS leaf
    FROM taken JOIN ledger_entry e ON e.id = taken.entry_id)
INSERT INTO ledger_seal
    (index, entry_id, leaf, uuid, verb, actor, act, subject_type, subject_ref, recorded_at)
SELECT %(size)s + row_number() OVER (ORDER BY id) - 1, id, sha256('\\x00'::bytea || canonical),
    (leaf->>'id')::uuid, leaf->>'verb', (leaf#>>'{actor,ref}')::uuid, (leaf->>'act')::uuid,
    leaf#>>'{subject,type}', (leaf#>>'{subject,ref}')::uuid, (leaf->>'recorded_at')::timestamptz
FROM document ORDER BY id RETURNING index, leaf"""


class LedgerMissing(RuntimeError):
    """No ledger was created in this database."""


class WrongKey(RuntimeError):
    """The key or origin is not the one the ledger was created with."""


class Outcome(StrEnum):
    """SEALED something; NOTHING was pending; another sealer is BUSY; TOO_SOON after the last checkpoint."""

    SEALED = "sealed"
    NOTHING = "nothing"
    BUSY = "busy"
    TOO_SOON = "too_soon"


@dataclass(frozen=True, slots=True)
class SealReport:
    """What one run did: how many entries it sealed, and the size of the tree after it (as far as it
    knows)."""

    outcome: Outcome
    sealed: int = 0
    size: int = 0


def seal(*, key: Ed25519PrivateKey, anchor_folder: Path, origin: str) -> SealReport:
    """Seal what is pending, sign one checkpoint (at most one a second, none when nothing is new), publish it
    to `anchor_folder`. Also publishes what an earlier run was killed before publishing.

    Raises anchors.AnchorAhead when the anchor holds a tree this database does not continue, WrongKey,
    LedgerMissing, RuntimeError inside a transaction."""
    vkey = VerifierKey.of(origin, key)
    with anchors.locked(anchor_folder) as mine:
        if not mine:
            return SealReport(Outcome.BUSY)
        anchored = anchors.read_head(anchor_folder, vkey)
        with transaction.atomic(durable=True):
            report = _seal_locked(key, vkey, anchored)
        if report.outcome is not Outcome.BUSY:
            _publish(anchor_folder, since=0 if anchored is None else anchored.size)
        return report


def seal_now() -> SealReport:
    """`seal` with the key, folder and origin of the settings. Raises keys.KeyMissing too."""
    return seal(
        key=keys.ledger_key(), anchor_folder=settings.LEDGER_ANCHOR_FOLDER, origin=settings.LEDGER_ORIGIN
    )


def _seal_locked(key: Ed25519PrivateKey, vkey: VerifierKey, anchored: Head | None) -> SealReport:
    tree = Tree.objects.select_for_update(skip_locked=True).first()
    if tree is None:
        if Tree.objects.exists():
            return SealReport(Outcome.BUSY)
        raise LedgerMissing("There is no ledger in this database yet: run manage.py bootstrap.")
    if (tree.origin, tree.vkey) != (vkey.name, str(vkey)):
        raise WrongKey(
            f"The ledger is {tree.vkey}; the settings hold {vkey}. Give the sealer the ledger's own key."
        )
    if anchored is not None:
        anchors.check(anchored, origin=tree.origin, size=tree.size, subtree=subtree)
    newest = Checkpoint.objects.order_by("-size").values_list("signed_at", flat=True).first()
    if newest is not None and timedelta(0) <= clock.now() - newest < CHECKPOINT_INTERVAL:
        return SealReport(Outcome.TOO_SOON, 0, tree.size)
    sealed = _seal_batches(tree)
    if sealed == 0:
        return SealReport(Outcome.NOTHING, 0, tree.size)
    _sign(tree, key)
    return SealReport(Outcome.SEALED, sealed, tree.size)


def _seal_batches(tree: Tree) -> int:
    """Place pending entries behind the tree's leaves, keep nodes and the state row; how many. Each batch is a
    statement of its own, younger than the lock, so its snapshot has all that was committed before the
    lock."""
    old_size = tree.size
    frontier = Frontier.from_bytes(tree.size, bytes(tree.frontier))
    for _ in range(BATCHES_A_CHECKPOINT):
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, {"size": frontier.size, "batch": BATCH})
            placed = sorted((index, bytes(leaf)) for index, leaf in cursor.fetchall())
        frontier.extend([leaf for _, leaf in placed])
        if len(placed) < BATCH:
            break
    if frontier.size == old_size:
        return 0
    if old_size == 0 and Seal.objects.get(index=0).verb != verbs.CREATED.name:
        raise LedgerMissing("The first entry is not the creation of the ledger; nothing was sealed.")
    _keep_nodes(old_size, frontier.size)
    tree.size, tree.frontier = frontier.size, frontier.to_bytes()
    tree.save(update_fields=["size", "frontier"])
    return frontier.size - old_size


def _keep_nodes(old_size: int, new_size: int) -> None:
    """Store the root of each run of 256**level leaves that became complete."""
    level, unit = 1, TILE_WIDTH
    while unit <= new_size:
        Node.objects.bulk_create(
            Node(level=level, n=n, hash=fold(read_run(level - 1, n * TILE_WIDTH, TILE_WIDTH)))
            for n in range(old_size // unit, new_size // unit)
        )
        level, unit = level + 1, unit * TILE_WIDTH


def _sign(tree: Tree, key: Ed25519PrivateKey) -> None:
    root = Frontier.from_bytes(tree.size, bytes(tree.frontier)).root()
    note = sign(Head(tree.origin, tree.size, root).text(), tree.origin, key)
    Checkpoint.objects.create(size=tree.size, root=root, note=note, signed_at=clock.now())


def _publish(folder: Path, *, since: int) -> None:
    """Bring the anchor up to the newest committed checkpoint."""
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is not None and newest.size > since:
        head = Head(Tree.objects.get().origin, newest.size, bytes(newest.root))
        anchors.publish(folder, note=newest.note, head=head, since=since, read_run=read_run)
