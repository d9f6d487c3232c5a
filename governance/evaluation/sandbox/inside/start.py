"""Start of the sandboxed program: read the job, split into supervisor and model, confine, run.

The order matters at every step; each comment says what breaks when it changes.
"""

import importlib
import json
import os
import sys
import time
from dataclasses import dataclass
from typing import Any, NoReturn

from . import confine, kernel, supervise
from .answers import Answers
from .notify import HandOver

SETUP_FAILED = 97


@dataclass(frozen=True)
class Job:
    """What the confined function gets: two open descriptors to read, where to answer, and its settings."""

    artifact: int
    features: int
    answers: Answers
    facts: dict[str, Any]


def main() -> NoReturn:
    """Run the job whose description lies on the descriptor named by the first argument."""
    started = time.monotonic()
    with open(int(sys.argv[1]), "rb") as source:
        spec = json.load(source)
    kernel.die_with_parent()
    # Bubblewrap stands between us and the worker and dies with it, so the comparison is only for the rest.
    if spec["parent"] and os.getppid() != spec["parent"]:
        os._exit(SETUP_FAILED)
    kernel.adopt_orphans()
    # Otherwise a model of the same user could open the status pipe through /proc and forge its own end.
    kernel.hide_from_same_user()
    # Imported now: once confined, the process can no longer read its own program.
    for module in spec["program"]:
        importlib.import_module(module)
    module, _, name = spec["entry"].partition(":")
    entry = getattr(importlib.import_module(module), name)
    sys.path = [folder for folder in sys.path if folder not in spec["folders"]] + spec["libraries"]
    supervisor = os.getpid()
    hand_over = HandOver() if "notification" in spec["layers"] else None
    model = os.fork()
    if model:
        if hand_over:
            hand_over.giving.close()
        # A copy of the pipes left open here would keep the other side waiting for their end.
        for descriptor in (spec["artifact"], spec["features"], spec["answers"]):
            os.close(descriptor)
        supervise.supervise(
            model,
            status=spec["status"],
            leash=spec["leash"],
            started=started,
            wall_seconds=spec["limits"]["wall_seconds"],
            hand_over=hand_over,
        )
    if hand_over:
        hand_over.receiving.close()
    os.close(spec["leash"])
    _confine(spec, supervisor, hand_over)
    entry(Job(spec["artifact"], spec["features"], Answers(spec["answers"]), spec["facts"]))
    # Tearing the interpreter down costs more than the sandbox, and runs the model's own finalisers.
    os._exit(0)


def _confine(spec: dict[str, Any], supervisor: int, hand_over: HandOver | None) -> None:
    """Confine this process and say so on the status pipe, which is closed before a model can use it."""
    try:
        report = confine.confine(spec["layers"], spec["limits"], spec["readable"], supervisor, hand_over)
    except (OSError, ValueError) as error:
        os.write(spec["status"], json.dumps({"setup_failed": str(error)}).encode() + b"\n")
        os._exit(SETUP_FAILED)
    os.write(spec["status"], json.dumps({"confined": report}).encode() + b"\n")
    os.close(spec["status"])
