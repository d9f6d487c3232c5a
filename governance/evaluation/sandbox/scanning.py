"""Scan a model's files in the sandbox: even to look at hostile bytes, the worker hands them over."""

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from governance.evaluation.scanner import FileReport, ScanReport, file_report, judge, reviewed_for_skops

from . import process
from .failures import EvaluationFailed, judge_end, not_predictions, one_line, printable
from .flavours import Flavour
from .frames import NoteReader
from .isolation import Isolation
from .limits import Limits

_LONGEST_NOTE = 16 << 20
_PIECE = 1 << 20
# Of all files together. A model needs a hundred; evidence lists them all.
_MOST_NAMES = 2000
_LONGEST_NAME = 400
# A scan that ends in one of these ways says something about the host or a person's wish, not about the file.
_NOT_THE_FILE = ("sandbox_unavailable", "supervisor_lost", "cancelled")
_PROGRAM = ("scanner.task",)
_TEXTS = ("path", "container", "blocked")
_LISTS = ("names", "versions", "remarks")


class _ScanReader(NoteReader):
    """Collects what was found in each file; the scanner's process read hostile bytes, so types are checked."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits, _LONGEST_NOTE)
        self.files: list[list[FileReport]] = []
        self.versions: set[str] = set()
        self._names: set[str] = set()

    def note(self, note: dict[str, Any]) -> None:
        untrusted, files = note.get("untrusted"), note.get("files")
        if not _texts(untrusted) or type(files) is not list or not files:
            raise not_predictions("a note of another kind")
        for one in files:
            texts = type(one) is dict and _texts([one.get(key) for key in _TEXTS])
            if not texts or not all(_texts(one.get(key)) for key in _LISTS):
                raise not_predictions("a note of another kind")
            self.versions.update(_shown(one["versions"]))
        skops = files[0]["container"] == "skops zip" and not self.files
        self.files.append(
            [
                self._report(one, _shown(untrusted) if skops and place == 0 else None)
                for place, one in enumerate(files)
            ]
        )

    def _report(self, one: dict[str, Any], untrusted: list[str] | None) -> FileReport:
        names, blocked = _shown(one["names"]), printable(one["blocked"])
        self._names.update(names, untrusted or ())
        if len(self._names) > _MOST_NAMES:
            blocked = blocked or f"more than {_MOST_NAMES:,} different names are used"
            names, untrusted = names[:_MOST_NAMES], None
        return file_report(
            path=printable(one["path"]),
            container=one["container"],
            names=names,
            blocked=blocked,
            remarks=[printable(remark) for remark in one["remarks"]],
            untrusted=untrusted,
        )


def _shown(names: list[str]) -> list[str]:
    """Names as evidence can hold them and a page can show them. A reviewed name stays what it is, and no other
    becomes one."""
    return [printable(name.replace("\n", "\ufffd"))[:_LONGEST_NAME] for name in names]


def _texts(value: Any) -> TypeGuard[list[str]]:
    return type(value) is list and all(type(item) is str for item in value)


def scan(
    *,
    artifact: Path,
    flavour: Flavour,
    limits: Limits,
    isolation: Isolation,
    cancelled: Callable[[], bool] | None = None,
) -> ScanReport:
    """Scan a model that is one file: see `scan_files`."""
    return scan_files(
        files={artifact.name: artifact},
        entry=artifact.name,
        flavour=flavour,
        limits=limits,
        isolation=isolation,
        cancelled=cancelled,
    )


def scan_files(
    *,
    files: Mapping[str, Path],
    entry: str,
    flavour: Flavour,
    limits: Limits,
    isolation: Isolation,
    cancelled: Callable[[], bool] | None = None,
) -> ScanReport:
    """Find the names a version's files use, containers opened, and compare them with the reviewed lists.

    `files` are all of them, by their path in the version; `entry` is the model, read as its `flavour` is loaded,
    the others as what they are by content. Loads nothing. A file on which the scan runs out of memory or time, or
    crashes, is `blocked` like one that cannot be followed. `cancelled` is asked a few times a second. Raises
    EvaluationFailed only when that says so, or when the sandbox itself is not to be had.
    """
    paths = [entry, *sorted(path for path in files if path != entry)]
    reader = _ScanReader(limits)
    facts = {"reviewed": reviewed_for_skops()} if flavour is Flavour.SKOPS else {"reviewed": ()}
    task = process.Task(entry="scanner.task:main", program=_PROGRAM, artifact=files[entry], facts=facts)
    ended = process.run(
        task,
        limits=limits,
        isolation=isolation,
        answered=reader.feed,
        features=_stream([(path, files[path]) for path in paths], flavour),
        cancelled=cancelled,
    )
    refusal = judge_end(ended, limits)
    if refusal and refusal.code in _NOT_THE_FILE:
        raise EvaluationFailed(refusal.code, refusal.message, one_line(ended.log))
    found = reader.files[: len(paths)]
    if refusal or len(reader.files) != len(paths) or not reader.complete:
        code = refusal.code if refusal else "no answer"
        blocked = f"the scanner could not finish it ({code.replace('_', ' ')})"
        unfinished = paths[min(len(found), len(paths) - 1)]
        found.append([file_report(path=unfinished, container="", names=(), blocked=blocked)])
    return judge([one for file in found for one in file], reader.versions)


def _stream(files: list[tuple[str, Path]], flavour: Flavour) -> Iterator[memoryview]:
    """Each file with its header; the first is the model."""
    for place, (path, file) in enumerate(files):
        with file.open("rb") as source:
            size = file.stat().st_size
            told = {"path": path, "flavour": flavour.value if place == 0 else "", "size": size}
            head = json.dumps(told).encode()
            yield memoryview(struct.pack("<I", len(head)) + head)
            while piece := source.read(_PIECE):
                yield memoryview(piece)
