"""What a written bundle holds, read from its list of members: counts and sizes by part."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass

from countersign.blobs.models import Blob
from countersign.blobs.store import open_blob


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bundle: what it is called, what it holds, how many files and bytes."""

    name: str
    holds: str
    count: int
    size: int


_PARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Entries", "the ledger's entries, one a line, with one proof for all of them", ("ledger/",)),
    ("Versions", "manifests, lineage, evidence and cards of every version", ("models/",)),
    ("Reviews", "what was asked, signed and said", ("reviews/",)),
    ("Policies", "every revision that governed, byte for byte", ("policies/",)),
    ("Promotions", "what went live, and what was live when", ("promotions.jsonl", "environments.jsonl")),
    ("People", "names and roles of those the entries concern", ("people.json",)),
    ("Report", "for reading and printing", ("report.html", "README.txt")),
    ("Verifier", "one file, standard library only", ("verify.py",)),
    ("Manifest", "the digest of every file, signed, and the scope", ("",)),
)


def parts_of(bundle: Blob) -> list[Part]:
    """The parts in reading order. Raises FileNotFoundError where the storage lost the bytes, BadZipFile where
    they are no longer a bundle."""
    with open_blob(bundle) as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    parts: list[Part] = []
    left = list(members)
    for name, holds, beginnings in _PARTS:
        mine = [member for member in left if member.filename.startswith(beginnings)]
        left = [member for member in left if member not in mine]
        if mine:
            parts.append(Part(name, holds, len(mine), sum(member.file_size for member in mine)))
    return parts
