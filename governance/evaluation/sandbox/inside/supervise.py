"""The half that stays outside the confinement: it waits, ends the model when told, counts and measures."""

import contextlib
import json
import os
import select
import signal
import time
from typing import NoReturn

from .notify import HandOver, Listener


def supervise(
    model: int,
    *,
    status: int,
    leash: int,
    started: float,
    wall_seconds: float,
    hand_over: HandOver | None,
) -> NoReturn:
    """Wait for the process `model`, write one line of JSON about it to `status`, and exit.

    The model is killed when `wall_seconds` have passed since `started` (monotonic), and when the far end of
    `leash` is closed, which also happens when the parent dies. Memory and processor time come from the kernel
    (wait4), so the model cannot make them up; neither can it the refused calls, which arrive by `hand_over`.
    """
    listener = Listener()
    ended_by = wait(model, leash, started + wall_seconds, listener, hand_over)
    if ended_by:
        os.kill(model, signal.SIGKILL)
    _, code, usage = os.wait4(model, 0)
    report = {
        "status": code,
        "ended_by": ended_by,
        "peak_rss_bytes": usage.ru_maxrss * 1024,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "attempts": listener.counts,
        "strays": _end_strays(),
    }
    os.write(status, json.dumps(report).encode() + b"\n")
    os._exit(0)


def wait(
    model: int, leash: int | None, deadline: float, listener: Listener, hand_over: HandOver | None
) -> str | None:
    """Why the model has to be ended: "deadline", "parent", or None when it ended by itself.

    Answers refused calls one at a time, and looks at the clock, the leash and the model before each: however
    many there are, none of the three waits for more than one.
    """
    ended = os.pidfd_open(model)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    if leash is not None:
        poll.register(leash, select.POLLIN | select.POLLHUP)
    receiving = hand_over.receiving.fileno() if hand_over else None
    if receiving is not None:
        poll.register(receiving, select.POLLIN | select.POLLHUP)
    asking: int | None = None
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return "deadline"
        ready = dict(poll.poll(remaining * 1000 + 1))
        if ended in ready:
            return None
        if leash in ready:
            return "parent"
        if hand_over and receiving in ready:
            poll.unregister(receiving)
            asking = listener.take(hand_over.receiving)
            receiving = None
            hand_over.receiving.close()
            if asking is not None:
                poll.register(asking, select.POLLIN)
        if asking is not None and asking in ready:
            if ready[asking] & select.POLLIN:
                listener.answer(asking)
            else:
                # Nobody is left under the filter: the model is ending.
                poll.unregister(asking)
                asking = None


def _end_strays() -> int:
    """Kill whatever the model left behind, which only a host without seccomp lets it start."""
    count = 0
    if os.getpid() == 1:
        # Inside bubblewrap all the others are the model's, and /proc may count processes differently.
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, 0):
                count += 1
        return count
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
