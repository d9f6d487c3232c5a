"""Signed heads: the checkpoints in the database, and the anchors outside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from countersign.ledger import anchors
from countersign.ledger.note import BadSignature, Head, MalformedNote, VerifierKey, open_checkpoint
from countersign.ledger.verification.report import Report, Section
from countersign.ledger.verification.snapshot import stream


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head whose signature holds. `anchor` is the name of the anchor it comes from, None for a checkpoint
    of the database; `tiles` the folder of an anchor that also has leaf hashes."""

    size: int
    root: bytes
    anchor: str | None = None
    tiles: Path | None = None


def read_anchors(paths: Sequence[Path], key: VerifierKey, report: Report) -> list[SignedHead]:
    """The anchors, smallest first: a checkpoint file, or a folder with `checkpoint` and tiles."""
    found: list[SignedHead] = []
    for path in paths:
        folder = path if path.is_dir() else None
        file = path / anchors.CHECKPOINT if folder else path
        report.anchors.append(str(path))
        try:
            head = open_checkpoint(file.read_bytes(), [key])
        except OSError as error:
            report.add(Section.ANCHORS, f"{file} cannot be read: {error.strerror}")
        except (MalformedNote, BadSignature) as error:
            report.add(Section.ANCHORS, f"{file} is no checkpoint by this ledger's key: {error}")
        else:
            tiles = folder if folder and (folder / "tile").is_dir() else None
            found.append(SignedHead(head.size, head.root, str(path), tiles))
    return sorted(found, key=lambda head: head.size)


def read_checkpoints(key: VerifierKey, report: Report) -> Iterator[SignedHead]:
    """The checkpoints of the database whose signature holds, smallest first."""
    for size, root, note, *_ in stream("SELECT size, root, note FROM ledger_checkpoint ORDER BY size"):
        report.checkpoints += 1
        try:
            head = open_checkpoint(note, [key])
        except (MalformedNote, BadSignature) as error:
            report.add(Section.SIGNATURES, f"checkpoint {size}: {error}")
            continue
        if head != Head(key.name, size, bytes(root)):
            report.add(Section.SIGNATURES, f"checkpoint {size}: its columns differ from what was signed")
        yield SignedHead(head.size, head.root)
