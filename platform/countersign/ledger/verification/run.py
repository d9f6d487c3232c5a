"""The verification as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
from django.conf import settings

from countersign.ledger.anchors import CHECKPOINT
from countersign.ledger.models import Entry, Seal, Tree
from countersign.ledger.note import MalformedKey, VerifierKey
from countersign.ledger.verification import tables
from countersign.ledger.verification.heads import read_anchors, read_checkpoints
from countersign.ledger.verification.histories import check_histories
from countersign.ledger.verification.log import check_log
from countersign.ledger.verification.report import Report, Section
from countersign.ledger.verification.snapshot import Progress, joins_in_index_order, snapshot


def own_anchors() -> list[Path]:
    """The anchor of this machine, once something was published to it."""
    own: Path = settings.LEDGER_ANCHOR_FOLDER
    return [own] if (own / CHECKPOINT).exists() else []


LOG_SHARE = 0.8
"""Of the progress; the tables are the rest."""


def _silent(share: float, message: str) -> None:
    """For callers who do not show progress."""


def verify(*, anchors: Sequence[Path], on_progress: Progress = _silent) -> Report:
    """Recompute the log from its bytes and compare it with its leaves, nodes, checkpoints, search columns,
    queue and personal values, with `anchors` (checkpoint files, or folders with a checkpoint and tiles), and
    with every row of every Recorded model. Reads one snapshot in bounded memory, while the platform goes on.

    The key comes from the entry at index 0: whoever replaced that as well is found by an anchor alone."""
    report = Report()
    with snapshot(on_progress) as progress:
        tree, key = _tree(report)
        if tree is None or key is None:
            return report
        with joins_in_index_order():
            seen = check_log(
                tree,
                checkpoints=read_checkpoints(key, report),
                anchored=read_anchors(anchors, key, report),
                report=report,
                progress=lambda share, message: progress(share * LOG_SHARE, message),
            )
        readable = tables.check_queue(seen, report)
        tables.check_known(seen, report)
        tables.check_guards(report)
        if readable:
            tables.check_personal(report)
            check_histories(report)
            tables.check_replay(
                report, lambda share, message: progress(LOG_SHARE + share * (1 - LOG_SHARE), message)
            )
        progress(1.0, "done")
    return report


def _tree(report: Report) -> tuple[Tree | None, VerifierKey | None]:
    """The state row, and the key the first entry names (the state row's own before anything is sealed)."""
    tree = Tree.objects.first()
    if tree is None:
        if Entry.objects.exists():
            report.add(Section.ROOTS, "there are entries, but the ledger's state row is missing")
        return None, None
    vkey = tree.vkey
    first = Seal.objects.filter(index=0).values_list("entry_id", flat=True)
    encoded = Entry.objects.filter(pk__in=first).values_list("canonical", flat=True).first()
    try:
        if encoded is not None:
            vkey = orjson.loads(bytes(encoded))["data"]["after"]["vkey"]
        return tree, VerifierKey.parse(vkey)
    except (ValueError, LookupError, TypeError, MalformedKey):
        report.add(Section.SIGNATURES, "index 0: names no key of a ledger")
        return tree, None
