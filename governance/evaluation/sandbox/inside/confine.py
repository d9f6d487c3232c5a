"""Put the calling process into its confinement, layer by layer, in the one order that works."""

import os
import resource
from collections.abc import Mapping, Sequence
from typing import Any

from . import kernel, landlock, seccomp

# A user of the sandbox's own has no other processes, so its threads can be counted.
_THREADS = 64


def confine(
    layers: Sequence[str], limits: Mapping[str, Any], readable: Sequence[str], supervisor: int
) -> dict[str, Any]:
    """Apply `layers` for good and report what is in force.

    Must run while the process has one thread and before any library is imported: Landlock binds the calling
    thread only. Raises OSError when a layer cannot be applied; the process must then end.
    """
    if "no_capabilities" in layers:
        kernel.drop_capabilities()
    kernel.die_with_parent()
    if os.getppid() != supervisor:
        raise OSError(0, "the supervising process ended before the model was started")
    _limit(limits, own_user="other_user" in layers)
    report: dict[str, Any] = {"user": os.getuid(), "landlock_abi": 0, "filter_length": 0}
    if "no_new_privileges" in layers:
        kernel.no_new_privileges()
    if "landlock" in layers:
        report["landlock_abi"] = landlock.restrict(readable)
    if "seccomp" in layers:
        report["filter_length"] = seccomp.restrict()
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
