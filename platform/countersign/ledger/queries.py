"""Reading the ledger: lists for people, one entry with its proof, the state of sealing."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db.models import Q, QuerySet

from countersign import clock
from countersign.actors import Actor
from countersign.errors import Invalid, NotFound
from countersign.ledger import anchors, visibility
from countersign.ledger.models import (
    Checkpoint,
    Entry,
    Pending,
    PersonalValue,
    Seal,
    SearchColumns,
    Tree,
    Unsealed,
)
from countersign.ledger.note import VerifierKey
from countersign.ledger.presenters import Sentence, present, telling
from countersign.ledger.proofs import consistency, inclusion
from countersign.ledger.sealer import seal_now
from countersign.ledger.store import BrokenTree, subtree
from countersign.ledger.verbs import VERIFICATION_FAILED, VERIFICATION_PASSED

PAGE_SIZE = 50
COUNTED = 10_000
SEAL_ALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of entries is narrowed by; `since` and `until` bound `recorded_at`, the second
    exclusively."""

    verb: str | None = None
    actor: UUID | None = None
    actors: tuple[UUID, ...] | None = None
    subject_type: str | None = None
    subject_ref: UUID | None = None
    act: UUID | None = None
    entry: UUID | None = None
    index: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def condition(self) -> Q:
        """As a condition on the search columns. A verb that ends with a dot means all that begin with it."""
        verb_lookup = "verb__startswith" if self.verb and self.verb.endswith(".") else "verb"
        wanted: dict[str, Any] = {
            verb_lookup: self.verb,
            "actor": self.actor,
            "actor__in": self.actors,
            "subject_type": self.subject_type,
            "subject_ref": self.subject_ref,
            "act": self.act,
            "uuid": self.entry,
            "recorded_at__gte": self.since,
            "recorded_at__lt": self.until,
        }
        if self.index is not None:
            wanted["entry_id__in"] = Seal.objects.filter(index=self.index).values("entry_id")
        return Q(**{name: value for name, value in wanted.items() if value is not None})


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """An entry as pages and API show it. `index` is None while it is not sealed, and so not yet protected."""

    id: UUID
    entry_id: int
    index: int | None
    recorded_at: datetime
    leaf: dict[str, Any]
    personal: dict[str, str] = field(default_factory=dict)

    @property
    def sealed(self) -> bool:
        """Whether it has its place in the tree."""
        return self.index is not None

    def sentence(self) -> Sentence:
        """What it says, for people."""
        return present(self.leaf, self.personal)


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries newest first, unsealed ones before all sealed; `next` is the cursor of the page after, or
    None."""

    entries: list[ReadEntry]
    next: str | None


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry and, once sealed, the proof that leads from its leaf to a signed checkpoint. `sealed_by` is the
    first checkpoint that covers it, `proven_by` the newest, to which the path leads."""

    entry: ReadEntry
    canonical: bytes
    checkpoint: str | None
    path: tuple[bytes, ...]
    sealed_by: Checkpoint | None = None
    proven_by: Checkpoint | None = None

    def tlog_proof(self) -> str | None:
        """The proof as C2SP `tlog-proof@v1` text; None while the entry is not sealed."""
        if self.checkpoint is None:
            return None
        lines = ["c2sp.org/tlog-proof@v1", f"index {self.entry.index}"]
        lines += [b64encode(step).decode() for step in self.path]
        return "\n".join(lines) + "\n\n" + self.checkpoint


def entries(
    *, actor: Actor, filters: Filters = Filters(), cursor: str | None = None, limit: int = PAGE_SIZE
) -> EntryPage:
    """One page of the entries `actor` may read. Raises Invalid for a cursor that is none of ours."""
    match = re.fullmatch(r"(p?)([0-9]{1,18})", cursor) if cursor is not None else None
    if cursor is not None and match is None:
        raise Invalid("The cursor is not one this list gave out; start again without it.")
    condition = filters.condition() & visibility.readable(actor)
    found: list[SearchColumns] = []
    if match is None or match[1]:
        unsealed = Unsealed.objects.filter(condition).order_by("-entry_id")
        found += unsealed.filter(entry_id__lt=int(match[2]))[: limit + 1] if match else unsealed[: limit + 1]
    if len(found) <= limit:
        seals = Seal.objects.filter(condition).order_by("-index")
        if match and not match[1]:
            seals = seals.filter(index__lt=int(match[2]))
        seen = {row.uuid for row in found}  # sealed between the two reads
        found += [row for row in seals[: limit + 1] if row.uuid not in seen]
    page = found[:limit]
    following = None
    if len(found) > limit:
        last = page[-1]
        following = str(last.index) if isinstance(last, Seal) else f"p{last.entry_id}"
    return EntryPage(_read(page), following)


def count_of(*, actor: Actor, filters: Filters) -> int:
    """How many entries `actor` may read fit the filters; COUNTED + 1 stands for more than COUNTED."""
    condition = filters.condition() & visibility.readable(actor)
    waiting = Unsealed.objects.filter(condition)[: COUNTED + 1].count()
    return min(COUNTED + 1, waiting + Seal.objects.filter(condition)[: COUNTED + 1].count())


def sentences_of(entries: Sequence[ReadEntry]) -> list[Sentence]:
    """What entries say, for people, in a number of queries that does not depend on how many they are."""
    with telling([entry.leaf for entry in entries]):
        return [entry.sentence() for entry in entries]


def entries_by_id(ids: Iterable[UUID]) -> dict[UUID, ReadEntry]:
    """Entries by their uuid, sealed or not, for pages that have checked what they show; unknown ones are left
    out."""
    wanted = list(ids)
    rows: list[SearchColumns] = [
        *Seal.objects.filter(uuid__in=wanted),
        *Unsealed.objects.filter(uuid__in=wanted),
    ]
    return {entry.id: entry for entry in _read(rows)}


def proven_entry(*, actor: Actor, entry: UUID) -> ProvenEntry:
    """One entry with its proof against the newest checkpoint. Raises NotFound when it is not there or `actor`
    may not read it."""
    condition = Q(uuid=entry) & visibility.readable(actor)
    row: SearchColumns | None = (
        Seal.objects.filter(condition).first() or Unsealed.objects.filter(condition).first()
    )
    if row is None:
        raise NotFound("There is no such ledger entry.")
    read = _read([row])[0]
    canonical = bytes(Entry.objects.get(pk=row.entry_id).canonical)
    checkpoint = latest_checkpoint()
    if read.index is None or checkpoint is None:
        return ProvenEntry(read, canonical, None, ())
    path = inclusion(read.index, checkpoint.size, subtree)
    first = Checkpoint.objects.filter(size__gt=read.index).order_by("size").first()
    return ProvenEntry(read, canonical, checkpoint.note, tuple(path), first, checkpoint)


def consistency_proof(*, old: int) -> tuple[list[bytes], Checkpoint]:
    """The proof that the newest checkpoint's tree begins with the tree of `old` leaves. Raises Invalid."""
    checkpoint = latest_checkpoint()
    if checkpoint is None or not 0 < old <= checkpoint.size:
        size = 0 if checkpoint is None else checkpoint.size
        raise Invalid(f"The log has {size} entries; {old} is not among its sizes.")
    return consistency(old, checkpoint.size, subtree), checkpoint


def latest_checkpoint() -> Checkpoint | None:
    """The newest signed head."""
    return Checkpoint.objects.order_by("-size").first()


def tree() -> Tree | None:
    """The state row: name, verifier key and size of the log; None before it is created."""
    return Tree.objects.first()


def lag_seconds() -> float:
    """Age of the oldest entry that waits to be sealed, in seconds; 0 when none waits."""
    oldest = Unsealed.objects.order_by("entry_id").values_list("recorded_at", flat=True).first()
    return 0.0 if oldest is None else max(0.0, (clock.now() - oldest).total_seconds())


def anchor_trouble() -> str | None:
    """Why nothing may be sealed until a person has decided, in a sentence; None while the anchor's tree is
    one this database continues. Reads the anchor of this machine."""
    ledger = tree()
    if ledger is None:
        return None
    try:
        anchored = anchors.read_head(settings.LEDGER_ANCHOR_FOLDER, VerifierKey.parse(ledger.vkey))
        ledger.refresh_from_db(
            fields=["size"]
        )  # younger than the anchor: a sealer may have gone on meanwhile
        if anchored is not None:
            anchors.check(anchored, origin=ledger.origin, size=ledger.size, subtree=subtree)
    except (anchors.AnchorAhead, BrokenTree) as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True)
class Verification:
    """How the last verification of the whole ledger ended, as its entry tells: `size` entries were read,
    `covered` is the last checkpoint that held, `findings` counts what did not hold."""

    entry: ReadEntry
    passed: bool
    size: int
    covered: int
    findings: int
    job: str | None


def _newest_outcome() -> SearchColumns | None:
    """Asked for the foot of every page. An outcome is looked for among what waits, too: a ledger that does not
    hold may be one that is not sealed any more."""
    outcomes = [VERIFICATION_PASSED.name, VERIFICATION_FAILED.name]
    return (
        Unsealed.objects.filter(verb__in=outcomes).order_by("-entry_id").first()
        or Seal.objects.filter(verb__in=outcomes).order_by("-index").first()
    )


def last_outcome() -> tuple[bool, datetime] | None:
    """Whether the last verification passed, and when."""
    row = _newest_outcome()
    return None if row is None else (row.verb == VERIFICATION_PASSED.name, row.recorded_at)


def last_verification() -> Verification | None:
    """The last verification that came to its end, sealed or not."""
    row = _newest_outcome()
    if row is None:
        return None
    read = _read([row])[0]
    told = read.leaf["data"]["after"]["details"]
    return Verification(
        entry=read,
        passed=row.verb == VERIFICATION_PASSED.name,
        size=told["size"],
        covered=told["covered"],
        findings=sum(told["findings"].values()),
        job=told["job"],
    )


def newest_leaf(verb: str, *, subject_ref: UUID | None = None) -> dict[str, Any] | None:
    """The leaf of the newest entry of a verb (about one subject), sealed or not."""
    condition = Filters(verb=verb, subject_ref=subject_ref).condition()
    row: SearchColumns | None = (
        Unsealed.objects.filter(condition).order_by("-entry_id").first()
        or Seal.objects.filter(condition).order_by("-index").first()
    )
    return None if row is None else _read([row])[0].leaf


def seal_all() -> Checkpoint:
    """Seal every entry that is committed now and return a checkpoint that covers them; for exports. Needs the
    ledger's key. Raises what `sealer.seal` raises, TimeoutError when others keep it from sealing."""
    waiting = list(Pending.objects.values_list("entry_id", flat=True))
    deadline = time.monotonic() + SEAL_ALL_SECONDS
    while True:
        seal_now()
        checkpoint = latest_checkpoint()
        if checkpoint is not None and not Pending.objects.filter(entry_id__in=waiting).exists():
            return checkpoint
        if time.monotonic() > deadline:
            raise TimeoutError("Entries of this export could not be sealed in time; see /readyz.")
        time.sleep(0.1)  # at most one checkpoint a second


def _read(rows: Sequence[SearchColumns]) -> list[ReadEntry]:
    leaves: dict[int, Any] = dict(
        Entry.objects.filter(pk__in=[row.entry_id for row in rows]).values_list("pk", "canonical")
    )
    personal: dict[UUID, dict[str, str]] = {}
    values: QuerySet[PersonalValue, Any] = PersonalValue.objects.filter(entry__in=[row.uuid for row in rows])
    for entry, name, value in values.values_list("entry", "field", "value"):
        personal.setdefault(entry, {})[name] = value
    return [
        ReadEntry(
            id=row.uuid,
            entry_id=row.entry_id,
            index=row.index if isinstance(row, Seal) else None,
            recorded_at=row.recorded_at,
            leaf=orjson.loads(leaves[row.entry_id]),
            personal=personal.get(row.uuid, {}),
        )
        for row in rows
    ]
