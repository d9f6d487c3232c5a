"""Sealing, the anchor outside the database, the key, and whether time ran backwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from countersign import clock
from countersign.ledger.anchors import CHECKPOINT
from countersign.ledger.keys import KeyMissing, ledger_key
from countersign.ledger.models import Seal, Tree
from countersign.ledger.note import VerifierKey
from countersign.ledger.queries import anchor_trouble, lag_seconds
from countersign.upkeep.doctor.findings import Finding, missing, ok, weak

AHEAD_SECONDS = 2.0


def examine() -> Iterator[Finding]:
    """Findings about the ledger; none where the database does not answer or holds no tables."""
    try:
        tree = Tree.objects.first()
        lag, trouble = lag_seconds(), anchor_trouble()
        newest = Seal.objects.order_by("-index").values_list("recorded_at", flat=True).first()
    except DatabaseError:
        return
    if tree is None:
        yield missing(
            "Ledger",
            "not begun",
            why="No act can be recorded, so none is allowed.",
            do="Run `manage.py bootstrap` with the two signing keys.",
        )
        return
    yield _sealing(lag, trouble)
    yield _anchor()
    yield from _key(tree)
    ahead = (newest - clock.now()).total_seconds() if newest else 0.0
    if ahead > AHEAD_SECONDS:
        yield weak(
            "Clock and ledger",
            f"the newest entry was recorded {ahead:.0f} s in the future",
            why="The clock was moved back. The order of entries is kept by their place in the tree, their times "
            "overlap until the clock has caught up.",
            do="Set the clock right; let chrony slew it instead of stepping.",
        )
    else:
        yield ok("Clock and ledger", "the newest entry lies in the past")


def _sealing(lag: float, trouble: str | None) -> Finding:
    limit = settings.LEDGER_LAG_LIMIT_SECONDS
    if trouble:
        return missing(
            "Sealing",
            trouble,
            why="Entries are kept, but nothing is signed until a person has decided.",
            do="docs/operating.md, Restore, says how a restored or rewritten log goes on.",
        )
    if lag > limit:
        return missing(
            "Sealing",
            f"the oldest entry has waited {lag:.0f} s (limit {limit} s)",
            why="An entry that is not sealed is not yet protected.",
            do="See the log of the worker of queue core: it may hold no key, or not run.",
        )
    return ok("Sealing", f"the oldest entry has waited {lag:.0f} s")


def _anchor() -> Finding:
    folder = Path(settings.LEDGER_ANCHOR_FOLDER)
    if not (folder / CHECKPOINT).exists():
        return weak(
            "Anchor of the ledger",
            "no checkpoint was published here",
            why="Without a checkpoint outside the database a cut-off tail or a restored backup leaves no trace.",
            do="Let the worker of queue core write COUNTERSIGN_HOME/ledger, and copy that folder to another host.",
        )
    return ok("Anchor of the ledger", "a checkpoint lies outside the database; copy it to another host too")


def _key(tree: Tree) -> Iterator[Finding]:
    if not settings.LEDGER_KEY:
        yield ok(
            "Signing key", "not given to this process, which is right for all but the worker of queue core"
        )
        return
    try:
        own = str(VerifierKey.of(settings.LEDGER_ORIGIN, ledger_key()))
    except KeyMissing as error:
        own = error.message
    if own == tree.vkey:
        yield ok("Signing key", "it is the ledger's")
        return
    yield missing(
        "Signing key",
        "it is not the one this ledger was begun with",
        why="The sealer refuses to sign with another key or origin.",
        do="Give back COUNTERSIGN_LEDGER_KEY and COUNTERSIGN_LEDGER_ORIGIN as they were; see the backup of the keys.",
    )
