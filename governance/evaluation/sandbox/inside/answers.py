"""What the confined process writes back: records on one pipe, nothing that needs a parser of numbers.

A record begins with eight bytes, little-endian. NOTE: four bytes of length and that much JSON follow. END:
nothing follows, ever. REFUSED: stands for the rows of one batch that may fail; four bytes of length and that
much UTF-8 follow, at most LONGEST_TEXT. Anything else is a count of rows, followed by rows x k float64,
little-endian, row by row. The notes come in the order imported, loaded, header {k, classes}; `failed` may stand
in for any record.
"""

import io
import json
import os
import resource
import struct
from typing import Any, NoReturn

from . import notify

REFUSED = 2**64 - 3
NOTE = 2**64 - 2
END = 2**64 - 1
LONGEST_TEXT = 2000
FAILED = 98


class Refused(Exception):
    """The confined program itself will not go on: a failure code and what was found."""

    def __init__(self, code: str, text: str = "", **facts: Any) -> None:
        super().__init__(text)
        self.code = code
        self.facts = facts


class Answers:
    """The writing end of the pipe."""

    def __init__(self, descriptor: int) -> None:
        self._out = io.BufferedWriter(io.FileIO(descriptor, "wb"), 1 << 16)
        # Released when something fails, so that running out of memory can still be reported.
        self._reserve = bytearray(1 << 20)

    def note(self, stage: str, **facts: Any) -> None:
        """Send one JSON note."""
        content = json.dumps({"stage": stage, **facts}).encode()
        self._out.write(struct.pack("<QI", NOTE, len(content)) + content)
        self._out.flush()
        if stage == "imported":
            notify.model_begins()

    def rows(self, count: int, values: memoryview) -> None:
        """Send `count` rows of float64 values."""
        self._out.write(struct.pack("<Q", count))
        self._out.write(values)
        self._out.flush()

    def refuse(self, error: Exception) -> None:
        """Say that the model could not answer one batch."""
        content = _said(error).encode(errors="replace")[:LONGEST_TEXT]
        self._out.write(struct.pack("<QI", REFUSED, len(content)) + content)
        self._out.flush()

    def end(self) -> None:
        """Say that every row has been answered."""
        self._out.write(struct.pack("<Q", END))
        self._out.flush()

    def fail(self, during: str, error: BaseException) -> NoReturn:
        """Report `error` and end the process. The code is a first judgement; the parent words it."""
        self._reserve = bytearray()
        facts = error.facts if isinstance(error, Refused) else {"errno": _errno(error)}
        self.note("failed", during=during, code=_code(during, error), said=_said(error), **facts)
        os._exit(FAILED)


def _said(error: BaseException) -> str:
    return _text(error) if isinstance(error, Refused) else f"{type(error).__name__[:100]}: {_text(error)}"


def _errno(error: BaseException) -> int | None:
    """The system's number for the error; the model's own exception class may hold anything there."""
    number = error.errno if isinstance(error, OSError) else None
    return number if type(number) is int else None


def _text(error: BaseException) -> str:
    try:
        # XGBoost adds the addresses its error came by.
        return str(error).partition("\nStack trace:")[0][:LONGEST_TEXT]
    except BaseException:  # the model's own exception class may do anything
        return ""


# Phrases of the libraries for input that is not what the model was fitted on.
_SCHEMA_PHRASES = (
    "feature names",
    "columns are missing",
    " features, but ",
    "could not convert string to float",
    "contains NaN",
    "Found unknown categories",
    "Found a category not in",
    "categorical_feature do not match",
    "dtypes must be int, float",
    "DataFrame.dtypes for data must be",
)


# How the dynamic linker, the C and C++ libraries and ONNX Runtime say that the address space is used up.
_MEMORY_PHRASES = (
    "failed to map segment",
    "annot allocate memory",
    "can't start new thread",
    "Failed to allocate memory",
    "bad_alloc",
    "bad allocation",
)


def _memory_used_up() -> bool:
    """Whether the address space came within a tenth of its limit. What libraries raise then may be anything, an
    error without an exception among it."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    try:
        with open("/proc/self/status") as source:
            peak = next((int(line.split()[1]) << 10 for line in source if line.startswith("VmPeak:")), 0)
    except MemoryError:
        return True
    except OSError:
        return False
    return limit != resource.RLIM_INFINITY and peak > limit - limit // 10


def _code(during: str, error: BaseException) -> str:
    """The failure code for an exception; chained causes count as well."""
    if isinstance(error, Refused):
        return error.code
    chain = [item for item in (error, error.__cause__) if item is not None]
    if any(isinstance(item, MemoryError) for item in chain):
        return "out_of_memory"
    if any(phrase in _text(error) for phrase in _MEMORY_PHRASES):
        return "out_of_memory"
    if during == "import":
        return "out_of_memory" if _memory_used_up() else "sandbox_unavailable"
    if any(isinstance(item, OSError) for item in chain):
        return "forbidden"
    if during == "load":
        return "cannot_load"
    if isinstance(error, ValueError | KeyError) and any(part in _text(error) for part in _SCHEMA_PHRASES):
        return "wrong_schema"
    return "crashed"
