"""Put the calling process into its confinement, layer by layer, in the one order that works."""

import os
import resource
from collections.abc import Mapping, Sequence
from typing import Any

from . import kernel, landlock, seccomp
from .notify import HandOver

# A user of the sandbox's own has no other processes, so its threads can be counted.
_THREADS = 64


def confine(
    layers: Sequence[str],
    limits: Mapping[str, Any],
    readable: Sequence[str],
    supervisor: int,
    hand_over: HandOver | None,
) -> dict[str, Any]:
    """Apply `layers` for good and report what is in force. Refused calls are told over `hand_over`.

    Must run before any library is imported. Raises OSError when a layer cannot be applied, and when there is
    a second thread, which Landlock would leave free; the process must then end.
    """
    if len(os.listdir("/proc/self/task")) != 1:
        raise OSError(0, "the program started a thread before it was confined")
    if "no_capabilities" in layers:
        kernel.drop_capabilities()
    kernel.die_with_parent()
    if os.getppid() != supervisor:
        raise OSError(0, "the supervising process ended before the model was started")
    _limit(limits, own_user="other_user" in layers)
    report: dict[str, Any] = {"user": os.getuid(), "landlock_abi": 0, "filter_length": 0}
    report["notification"] = False
    if "no_new_privileges" in layers:
        kernel.no_new_privileges()
    if "landlock" in layers:
        report["landlock_abi"] = landlock.restrict(readable)
    if "seccomp" in layers:
        report["filter_length"] = seccomp.restrict(hand_over)
        report["notification"] = hand_over is not None
    return report


def _limit(limits: Mapping[str, Any], *, own_user: bool) -> None:
    processor = int(limits["cpu_seconds"])
    _set(resource.RLIMIT_AS, limits["memory_bytes"])
    # The soft limit ends the process with SIGXCPU; whoever ignores that meets SIGKILL two seconds later.
    _set(resource.RLIMIT_CPU, processor, processor + 2)
    _set(resource.RLIMIT_NOFILE, limits["open_files"])
    _set(resource.RLIMIT_FSIZE, 0)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_MEMLOCK, 0)
    _set(resource.RLIMIT_MSGQUEUE, 0)
    _set(resource.RLIMIT_STACK, 8 << 20)
    if own_user:
        _set(resource.RLIMIT_NPROC, _THREADS)


def _set(kind: int, soft: int, hard: int | None = None) -> None:
    """Set a limit, never above the one already in force."""
    hard = soft if hard is None else hard
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(kind, (soft, hard))
