"""What the ledger costs: an action with and without its entry; sealing and verification per second against bare
SHA-256 of the same leaves."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Sequence
from unittest import mock

from django.conf import settings
from django.db import connection, transaction

from benchmarks import work
from benchmarks.report import Line
from countersign.actors import Actor
from countersign.ledger.append import append_entry
from countersign.ledger.keys import ledger_key
from countersign.ledger.models import Pending
from countersign.ledger.sealer import seal
from countersign.ledger.verification import verify
from registry.versions.actions import register_model, set_tag, tags
from registry.versions.models import RegisteredModel
from registry.versions.verbs import TAG_SET

ACTIONS = 400
ENTRIES = 20_000


def measure(url: str) -> list[Line]:
    """The ratio of an action, then the two rates."""
    by = work.actor()
    model = register_model(name="bench-ledger", team=work.team(), description="", actor=by)
    return [_action(model, by), *_rates(model, by)]


def _action(model: RegisteredModel, by: Actor) -> Line:
    """Median seconds of setting a tag, in turns so that a slow second hits both alike. What the comparison leaves out
    is the appending alone; a last change with its entry makes row and ledger agree again."""
    with_entry, without = [], []
    for number in range(ACTIONS):
        started = time.perf_counter()
        set_tag(model=model, key="speed", value=f"with {number}", actor=by)
        with_entry.append(time.perf_counter() - started)
        with mock.patch.object(tags, "append_entry"):
            started = time.perf_counter()
            set_tag(model=model, key="speed", value=f"without {number}", actor=by)
            without.append(time.perf_counter() - started)
    set_tag(model=model, key="speed", value="measured", actor=by)
    one, other = statistics.median(with_entry), statistics.median(without)
    return Line(
        "an action (set a tag) with its entry",
        f"{one * 1000:.2f} ms",
        f"without: {other * 1000:.2f} ms",
        one / other,
    )


def _rates(model: RegisteredModel, by: Actor) -> Sequence[Line]:
    """Sealing and verifying so many entries."""
    _seal_all()
    with transaction.atomic():
        tag = set_tag(model=model, key="count", value="0", actor=by)
        for number in range(ENTRIES):
            before, tag.value = tag.ledger_state(), str(number)
            append_entry(verb=TAG_SET, subject=tag, actor=by, before=before)
        tag.save()
    started = time.perf_counter()
    _seal_all()
    sealing = ENTRIES / (time.perf_counter() - started)
    with connection.cursor() as cursor:
        cursor.execute("SELECT canonical FROM ledger_entry")
        leaves = [bytes(row[0]) for row in cursor.fetchall()]
    started = time.perf_counter()
    for leaf in leaves:
        hashlib.sha256(b"\x00" + leaf).digest()
    bare = len(leaves) / (time.perf_counter() - started)
    started = time.perf_counter()
    report = verify(anchors=[settings.LEDGER_ANCHOR_FOLDER])
    verifying = len(leaves) / (time.perf_counter() - started)
    assert report.ok, "\n".join(report.lines())
    against = f"SHA-256 of the leaves alone: {bare:,.0f} a second"
    return (
        Line(f"sealing {ENTRIES:,} entries", f"{sealing:,.0f} a second", against, sealing / bare),
        Line(f"verifying {len(leaves):,} entries", f"{verifying:,.0f} a second", against, verifying / bare),
    )


def _seal_all() -> None:
    """Until nothing waits: the worker seals too, and a checkpoint is signed at most once a second."""
    while Pending.objects.exists():
        seal(key=ledger_key(), anchor_folder=settings.LEDGER_ANCHOR_FOLDER, origin=settings.LEDGER_ORIGIN)
