"""A worker of its own that runs hostile models: what they aim at is its memory, its environment, its processes.

Started by the tests as root and as an ordinary user. Reads what to run from standard input as JSON and prints
what came of it. Imports nothing it does not need: the platform's libraries cost more than the runs.
"""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow

from governance.evaluation.sandbox import Flavour, Isolation, Limits, detect_isolation, host, predict, process
from governance.evaluation.sandbox.failures import judge_end
from governance.evaluation.sandbox.isolation import level_of

from . import attacks, programs

ROWS = 200
_BELOW = {3: (), 2: ("bubblewrap",), 1: ("bubblewrap", "landlock"), 0: ("bubblewrap", "landlock", "seccomp")}


def at_level(level: int) -> Isolation:
    """This host's isolation without what is above `level`. Levels 1 and 0 are those of a host on which the model
    is the worker's own user, as everywhere without root; as root it has at least no capabilities."""
    found = detect_isolation()
    missing = {
        *_BELOW[level],
        *(("other_user",) if level < 2 else ()),
        *(("notification",) if level < 1 else ()),
    }
    layers = [layer for layer in found.layers if layer not in missing]
    if "other_user" in found.layers and level < 2:
        layers.append("no_capabilities")
    return replace(found, level=level_of(layers), layers=tuple(layers))


def main() -> None:
    """Run the attacks and then every ending of the request, at its level."""
    request = json.load(sys.stdin)
    folder, level = Path(request["folder"]), request["level"]
    labels = Path(request["aims"]["labels"]).read_text()
    host.PROGRAM_FOLDERS = (*host.PROGRAM_FOLDERS, str(Path(__file__).parent))
    with contextlib.ExitStack() as stack:
        decoy, patient = _process(stack), _process(stack)
        assert patient.stdout is not None
        aims = request["aims"] | {
            "worker": os.getpid(),
            "decoy": decoy.pid,
            "patient": patient.pid,
            "patient_address": int(patient.stdout.readline()),
        }
        told = {
            "attacks": _attacked(level, aims, folder),
            "endings": [_ended(job, level, folder) for job in request["endings"]],
            "detected": detect_isolation().as_dict(),
            "decoy_lives": decoy.poll() is None,
            "sandboxed": list(programs.sandboxed(os.getpid())),
            "labels": len(labels),
        }
    print(json.dumps(told))


def _process(stack: contextlib.ExitStack) -> "subprocess.Popen[bytes]":
    """A process of this user that prints an address of its own memory and waits."""
    code = "import signal; kept = b'kept'; print(id(kept), flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _attacked(level: int, aims: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The circumstances of a run of the model that tries everything. At level 0 its signals are no more than asked
    about: it may send them."""
    deadly = 0 if level == 0 else 9
    artifact = programs.program(f"AIMS = {aims | {'deadly': deadly}!r}\n{attacks.SOURCE}", folder)
    outcome = predict(
        artifact=artifact,
        flavour=Flavour.PICKLE,
        batches=[pyarrow.record_batch({"age": [float(row) for row in range(ROWS)]})],
        rows=ROWS,
        limits=Limits(memory_bytes=2 << 30, cpu_seconds=30, wall_seconds=90),
        isolation=at_level(level),
        trusted_types=(),
    )
    return outcome.circumstances


def _ended(job: dict[str, Any], level: int, folder: Path) -> dict[str, str]:
    """How a body ended, in the words of a failure; no code when it ended well."""
    task = process.Task(
        entry="endings:main", program=("endings",), artifact=folder / "labels", facts={"body": job["body"]}
    )
    limits = Limits(**{"memory_bytes": 2 << 30, "cpu_seconds": 30, "wall_seconds": 30, **job["limits"]})
    ended = process.run(
        task, limits=limits, isolation=at_level(level), answered=lambda _: None, features=iter(())
    )
    refusal = judge_end(ended, limits)
    return {"code": refusal.code, "message": refusal.message} if refusal else {"code": "", "message": ""}


if __name__ == "__main__":
    main()
