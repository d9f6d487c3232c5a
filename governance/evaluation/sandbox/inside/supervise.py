"""The half that stays outside the confinement: it waits, ends the model when told, and measures."""

import json
import os
import select
import signal
import time
from typing import NoReturn


def supervise(model: int, *, status: int, leash: int, started: float, wall_seconds: float) -> NoReturn:
    """Wait for the process `model`, write one line of JSON about it to `status`, and exit.

    The model is killed when `wall_seconds` have passed since `started` (monotonic), and when the far end of
    `leash` is closed, which also happens when the parent dies. Memory and processor time come from the kernel
    (wait4), so the model cannot make them up.
    """
    ended_by = _wait(model, leash, started + wall_seconds)
    if ended_by:
        os.kill(model, signal.SIGKILL)
    _, code, usage = os.wait4(model, 0)
    report = {
        "status": code,
        "ended_by": ended_by,
        "peak_rss_bytes": usage.ru_maxrss * 1024,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "strays": _end_strays(),
    }
    os.write(status, json.dumps(report).encode() + b"\n")
    os._exit(0)


def _wait(model: int, leash: int, deadline: float) -> str | None:
    """Why the model has to be ended: "deadline", "parent", or None when it ended by itself."""
    descriptor = os.pidfd_open(model)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.register(leash, select.POLLIN | select.POLLHUP)
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return "deadline"
        ready = {fd for fd, _ in poll.poll(remaining * 1000 + 1)}
        if descriptor in ready:
            return None
        if leash in ready:
            return "parent"


def _end_strays() -> int:
    """Kill whatever the model left behind, which only a host without seccomp lets it start."""
    count = 0
    while True:
        with open(f"/proc/self/task/{os.getpid()}/children") as listing:
            children = listing.read().split()
        if not children:
            return count
        for child in children:
            count += 1
            try:
                os.kill(int(child), signal.SIGKILL)
                os.waitpid(int(child), 0)
            except (ProcessLookupError, ChildProcessError):
                continue
