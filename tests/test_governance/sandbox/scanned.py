"""Compare the scanner with the real loader over many files."""

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance.evaluation.sandbox import Isolation, Limits, process
from governance.evaluation.sandbox.frames import NoteReader

from .conftest import SMALL

FOLDER = str(Path(__file__).parent)


@dataclass
class Loaded:
    """What the real loader did with one file: the names it asked for, and whether it came to the end."""

    names: set[str] = field(default_factory=set)
    finished: bool = False


class _Reader(NoteReader):
    def __init__(self, limits: Limits, files: list[Loaded]) -> None:
        super().__init__(limits)
        self.files = files
        self.number = -1

    def note(self, note: dict[str, Any]) -> None:
        if note["stage"] == "file":
            self.number = note["number"]
        elif note["stage"] == "name":
            self.files[self.number].names.add(note["name"])
        elif note["stage"] == "loaded":
            self.files[self.number].finished = True


def really_loaded(contents: Sequence[bytes], folder: Path, isolation: Isolation) -> list[Loaded]:
    """Load every file in the sandbox; a crash costs a new process, which goes on with the next file.

    The caller has put FOLDER among the program folders.
    """
    artifact = folder / "packed"
    artifact.write_bytes(b"".join(struct.pack("<I", len(content)) + content for content in contents))
    files = [Loaded() for _ in contents]
    first = 0
    while first < len(contents):
        reader = _Reader(SMALL, files)
        task = process.Task(
            entry="oracle:main",
            program=("oracle",),
            artifact=artifact,
            facts={"first": first, "count": len(contents)},
        )
        process.run(task, limits=SMALL, isolation=isolation, answered=reader.feed, features=iter(()))
        if reader.complete:
            break
        assert reader.number >= first, "the oracle did not start"
        first = reader.number + 1
    return files


def mutations(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Copies of `seeds`, each with one or two changes: a byte, a bit, a cut, a repeated or foreign piece."""
    source = random.Random(seed)
    for number in range(count):
        content = bytearray(seeds[number % len(seeds)])
        for _ in range(source.randint(1, 2)):
            place, length = source.randrange(len(content)), source.randint(1, 24)
            kind = source.randrange(6)
            if kind == 0:
                content[place] = source.randrange(256)
            elif kind == 1:
                content[place] ^= 1 << source.randrange(8)
            elif kind == 2 and len(content) > length + 1:
                del content[place : place + length]
            elif kind == 3:
                content[place:place] = content[place : place + length]
            elif kind == 4:
                other = source.choice(seeds)
                begin = source.randrange(len(other))
                content[place:place] = other[begin : begin + length]
            else:
                content[place : place + 1] = source.choice(
                    [b"R", b"b", b"\x81", b".", b"0", b"2", b"h\x01", b"c"]
                )
        yield bytes(content)
