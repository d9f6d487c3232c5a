"""Writing an audit bundle: entries, one proof for all of them, a checkpoint, and whatever files belong to
it."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from countersign.canonical import canonical
from countersign.ledger.container import Content, Member, write_container
from countersign.ledger.models import Checkpoint
from countersign.ledger.multiproof import Run, multiproof, runs_of
from countersign.ledger.note import sign
from countersign.ledger.offline.verify import CHECKPOINT, ENTRIES, INDEXES, MANIFEST, MANIFEST_NOTE, PROOF
from countersign.ledger.store import BrokenTree, read_run

FORMAT = 1
READ_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """What was written: how many entries, bytes, and the sha256 (hexadecimal) of the manifest and of the
    file."""

    entries: int
    size: int
    manifest_sha256: str
    sha256: str


def write_bundle(
    target: Path,
    *,
    checkpoint: Checkpoint,
    indexes: Iterable[int],
    members: Iterable[tuple[str, Content]],
    about: Mapping[str, Any],
    export_origin: str,
    export_key: Ed25519PrivateKey,
) -> WrittenBundle:
    """Write the bundle of the entries at `indexes` (ascending, below the checkpoint's size) and `members` to
    `target`, which is there whole or not at all. `about` is what the manifest says of it beside its files, of
    the values `canonical` knows. Memory is bounded except for the indexes.

    Raises ValueError for indexes or paths that do not fit, store.BrokenTree when entries are missing,
    OSError."""
    runs = runs_of(indexes)
    if runs and sum(runs[-1]) > checkpoint.size:
        raise ValueError(f"the checkpoint covers {checkpoint.size} entries, not {sum(runs[-1])}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as name:
        folder = Path(name)
        _write_entries(folder / "entries", runs)
        with (folder / "proof").open("wb") as proof:
            proof.writelines(multiproof(runs, checkpoint.size, read_run))
        listed = [
            Member.measure(CHECKPOINT, checkpoint.note.encode()),
            Member.measure(INDEXES, "".join(f"{first} {count}\n" for first, count in runs).encode()),
            Member.measure(ENTRIES, folder / "entries"),
            Member.measure(PROOF, folder / "proof"),
            *(Member.measure(path, content) for path, content in members),
        ]
        manifest = _manifest(about, listed)
        note = sign(f"{export_origin}\n{manifest.sha256}\n", export_origin, export_key)
        unnamed = folder / "bundle"
        with unnamed.open("wb") as file:
            write_container(file, [manifest, Member.measure(MANIFEST_NOTE, note.encode()), *listed])
            file.flush()
            os.fsync(file.fileno())
        with unnamed.open("rb") as file:
            digest = hashlib.file_digest(file, hashlib.sha256).hexdigest()
        size = unnamed.stat().st_size
        unnamed.replace(target)
    return WrittenBundle(sum(count for _, count in runs), size, manifest.sha256, digest)


def _manifest(about: Mapping[str, Any], listed: Sequence[Member]) -> Member:
    files = [{"path": member.path, "sha256": member.sha256, "size": member.size} for member in listed]
    return Member.measure(
        MANIFEST, canonical({"about": dict(about), "files": files, "format": FORMAT}, limit=None)
    )


def _write_entries(path: Path, runs: Sequence[Run]) -> None:
    """Leaves one a line (a leaf holds no newline), gzipped without name and time."""
    with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        for leaf in _leaves(runs):
            packed.write(leaf + b"\n")


def _leaves(runs: Sequence[Run]) -> Iterator[bytes]:
    wanted = (index for first, count in runs for index in range(first, first + count))
    while some := list(islice(wanted, READ_AT_ONCE)):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.canonical FROM ledger_seal s JOIN ledger_entry e ON e.id = s.entry_id"
                " WHERE s.index = ANY (%s) ORDER BY s.index",
                [some],
            )
            rows = cursor.fetchall()
        if len(rows) != len(some):
            raise BrokenTree(
                f"entries between index {some[0]} and {some[-1]} are missing; run manage.py verify"
            )
        yield from (bytes(row[0]) for row in rows)
