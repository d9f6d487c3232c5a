"""Scan a model's file in the sandbox: even to look at hostile bytes, the worker hands them over."""

from pathlib import Path
from typing import Any

from governance.evaluation.scanner import ScanReport, judge

from . import process
from .failures import EvaluationFailed, judge_end, not_predictions, one_line
from .flavours import Flavour
from .frames import NoteReader
from .isolation import Isolation
from .limits import Limits

_LONGEST_NOTE = 4 << 20
# A scan that ends in one of these ways says something about the host, not about the file.
_NOT_THE_FILE = ("sandbox_unavailable", "supervisor_lost")


class _ScanReader(NoteReader):
    def __init__(self, limits: Limits) -> None:
        super().__init__(limits, _LONGEST_NOTE)
        self.found: dict[str, Any] | None = None

    def note(self, note: dict[str, Any]) -> None:
        lists = (note.get("names"), note.get("untrusted"), note.get("versions"))
        texts = (note.get("container"), note.get("blocked"), *(item for part in lists for item in part or ()))
        if self.found is not None or any(type(part) is not list for part in lists):
            raise not_predictions("a note out of order")
        if any(type(text) is not str for text in texts):
            raise not_predictions("a note of another kind")
        self.found = note


def scan(*, artifact: Path, flavour: Flavour, limits: Limits, isolation: Isolation) -> ScanReport:
    """Find the names the model's file uses and compare them with the reviewed lists.

    Loads nothing. A file on which the scan runs out of memory or time, or crashes, is `blocked` like one
    that cannot be followed. Raises EvaluationFailed only when the sandbox itself is not to be had.
    """
    reader = _ScanReader(limits)
    task = process.Task(
        entry="scanner.task:main",
        program=("scanner.task",),
        artifact=artifact,
        facts={"flavour": flavour.value},
    )
    ended = process.run(task, limits=limits, isolation=isolation, answered=reader.feed, features=iter(()))
    refusal = judge_end(ended, limits)
    if refusal and refusal.code in _NOT_THE_FILE:
        raise EvaluationFailed(refusal.code, refusal.message, one_line(ended.log))
    if refusal or reader.found is None:
        code = refusal.code if refusal else "no answer"
        blocked = f"the scanner could not finish it ({code.replace('_', ' ')})"
        return judge(names=(), untrusted=(), versions=(), container="", blocked=blocked, skops=False)
    found = reader.found
    return judge(
        names=found["names"],
        untrusted=found["untrusted"],
        versions=found["versions"],
        container=found["container"],
        blocked=found["blocked"],
        skops=flavour is Flavour.SKOPS,
    )
