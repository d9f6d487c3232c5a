"""How strongly this host can confine a model, found by trying."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from . import host

_PROBE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Isolation:
    """What confines a model here.

    `level` 3: level 2 inside bubblewrap. 2: Landlock, a system-call filter and limits. 1: filter and limits;
    files the worker can read are readable. 0: limits only; network and programs are open. `layers` are the
    parts in force, `refused` says of each missing part why in a sentence. `landlock_abi` 0: no Landlock.
    Two layers are part of no level. `notification`: refused calls are counted whatever the model says. `own_proc`:
    inside bubblewrap /proc shows the model's own processes alone; without it the names of the container's others.
    """

    level: int
    layers: tuple[str, ...]
    kernel: str
    landlock_abi: int
    refused: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The isolation as plain values, for the circumstances of an evaluation."""
        return {
            **asdict(self),
            "layers": list(self.layers),
            "refused": list(self.refused),
            "notification": "notification" in self.layers,
        }


def level_of(layers: Collection[str]) -> int:
    """The level a set of layers amounts to."""
    if "seccomp" not in layers:
        return 0
    if "landlock" not in layers:
        return 1
    return 3 if "bubblewrap" in layers else 2


@cache
def detect_isolation() -> Isolation:
    """Try every layer in throw-away processes (about 0.2 s, once per process). Never raises.

    On a system other than Linux the level is 0 without any layer, and `predict` refuses to run.
    """
    kernel = f"{platform.system()} {platform.release()}"
    if sys.platform != "linux":
        reason = "Models are only run on Linux: confining them uses Landlock and seccomp."
        return Isolation(0, (), kernel, 0, (reason,))
    layers = ["limits", "empty_environment", "no_new_privileges"]
    refused: list[str] = []
    report: dict[str, Any] | None = None
    user: int | None = None
    if os.geteuid() == 0:
        user = host.spare_user()
        report = _probe(user=user)
        if "failed" in report or report["unreadable"]:
            cause = report.get("failed") or f"it cannot read {report['unreadable'][0]}"
            refused.append(
                f"A user of its own: {cause}. Install Python and the libraries where every user may read "
                "them, or run the worker as an ordinary user."
            )
            user, report = None, None
        layers.append("other_user" if user else "no_capabilities")
    if report is None:
        report = _probe(user=None)
    for layer in ("seccomp", "landlock", "notification"):
        reason = report.get("failed") or report[layer]
        if reason:
            refused.append(f"{layer}: {reason}.")
        else:
            layers.append(layer)
    if host.bubblewrap_path() is None:
        refused.append("bubblewrap: it is not installed. Install the package bubblewrap to reach level 3.")
    elif level_of(layers) == 2:
        reason = _why_not(user, layers, "bubblewrap", "own_proc")
        if not reason:
            layers += ["bubblewrap", "own_proc"]
        elif not _why_not(user, layers, "bubblewrap"):
            layers.append("bubblewrap")
            refused.append(
                f"own_proc: {reason}. A model sees which processes this container has, and can read nothing of them."
            )
        else:
            refused.append(f"bubblewrap: {reason}.")
    abi = int(report.get("landlock_abi", 0))
    return Isolation(level_of(layers), tuple(layers), kernel, abi, tuple(refused))


def _why_not(user: int | None, layers: Collection[str], *more: str) -> str:
    """Why `layers` do not all hold together with these further ones; empty where they do."""
    report = _probe(user=user, layers=more)
    return str(report.get("failed") or next((report[layer] for layer in layers if report.get(layer)), ""))


def _probe(*, user: int | None, layers: Collection[str] = ()) -> dict[str, Any]:
    """Run `inside.probe` as it would run a model; a report, or {"failed": why it could not even start}."""
    identity: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    try:
        done = subprocess.run(
            host.command("probe", json.dumps(host.readable_paths()), layers=layers),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=host.ENVIRONMENT,
            cwd="/",
            timeout=_PROBE_SECONDS,
            check=False,
            **identity,
        )
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
            return {"failed": f"Python did not start ({last[0][:200]})"}
        return dict(json.loads(done.stdout))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return {"failed": f"Python did not start ({str(error)[:200]})"}
