"""What a data file says of itself: its columns and how many rows.

Reading Parquet and CSV is native code on bytes of strangers, so a short-lived child process does it, with
limits and an empty environment; it gets the open file and nothing else. This process imports none of that
code.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import BinaryIO

import orjson

from countersign.errors import Invalid
from registry.datasets.descriptors import Column, checked_columns

CHILD = Path(__file__).with_name("reading_child.py")
SECONDS = 120
ANSWER_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the file says of itself."""

    rows: int
    columns: tuple[Column, ...]


def read_facts(file: BinaryIO, *, format: str) -> FileFacts:  # noqa: A002  the field's own name
    """Columns and rows of an open, seekable file on disk. Raises Invalid (unreadable_data) with what is
    wrong."""
    answered, output = _ask([sys.executable, "-I", str(CHILD), format], file)
    if not answered:
        raise _unreadable(format, "the reader ended before it was done")
    try:
        answer = orjson.loads(output)
        if "problem" in answer:
            raise _unreadable(format, "".join(c for c in str(answer["problem"])[:300] if c.isprintable()))
        rows = answer["rows"]
        if type(rows) is not int or rows < 0:
            raise ValueError
        return FileFacts(rows, checked_columns(answer["columns"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise _unreadable(format, "the reader's answer makes no sense") from None


def _ask(command: list[str], file: BinaryIO) -> tuple[bool, bytes]:
    """Run the child: whether it ended well within its time, and at most ANSWER_LIMIT bytes of what it
    said."""
    # -I and an empty environment: no user site, no variable of ours reaches the child.
    with subprocess.Popen(
        command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
    ) as child:
        assert child.stdout is not None  # noqa: S101
        timer = Timer(SECONDS, child.kill)
        timer.start()
        try:
            output = child.stdout.read(ANSWER_LIMIT + 1)
            if len(output) > ANSWER_LIMIT:
                child.kill()
            return child.wait() == 0, output
        finally:
            timer.cancel()
            child.kill()


def _unreadable(shape: str, why: str) -> Invalid:
    name = {"parquet": "Parquet", "csv": "CSV"}.get(shape, shape)
    return Invalid(
        f"The file cannot be read as {name}: {why}. Nothing was registered.",
        fields={"file": [f"It cannot be read as {name}."]},
        code="unreadable_data",
    )
