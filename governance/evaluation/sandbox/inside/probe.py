"""Try each layer of the confinement in a throw-away process and see whether it bites.

Kernel versions and sysctls do not tell: a container's own filter may refuse a call the kernel has.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable

from . import kernel, landlock, notify, seccomp, supervise

# Every Linux host has it, and nothing a model may read lies in it.
_ELSEWHERE = "/etc"
_SECONDS = 5.0


def main() -> None:
    """Print what works as JSON. Arguments: the paths that must stay readable, as JSON."""
    readable = json.loads(sys.argv[1])
    report = {
        "user": os.getuid(),
        "unreadable": [path for path in readable if os.path.exists(path) and not os.access(path, os.R_OK)],
        "landlock": _attempt(lambda: _landlock(readable)),
        "seccomp": _attempt(_seccomp),
        "notification": _notification(),
        "landlock_abi": landlock.version(),
    }
    print(json.dumps(report))


def _attempt(layer: Callable[[], None]) -> str:
    """Run `layer` in a child process: empty when it held, else why not."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            layer()
            reason = ""
        except Exception as error:  # every reason means the same: this layer is not to be had here
            reason = str(error) or type(error).__name__
        os.write(writing, reason.encode(errors="replace")[:1000])
        os._exit(0)
    os.close(writing)
    return _end(child, reading)


def _end(child: int, reading: int) -> str:
    """The reason the child wrote, once it has ended."""
    with open(reading, "rb") as source:
        reason = source.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return reason or ("" if status == 0 else "the kernel ended the process that tried it")


def _landlock(readable: list[str]) -> None:
    os.listdir(_ELSEWHERE)
    kernel.no_new_privileges()
    landlock.restrict(readable)
    os.listdir(os.path.dirname(os.__file__))
    try:
        os.listdir(_ELSEWHERE)
    except PermissionError:
        return
    raise RuntimeError("files outside the readable paths stayed readable")


def _seccomp(hand_over: notify.HandOver | None = None) -> None:
    kernel.no_new_privileges()
    seccomp.restrict(hand_over)
    for forbidden in (os.fork, socket.socket):
        try:
            forbidden()
        except PermissionError:
            continue
        raise RuntimeError("a forbidden system call went through")


def _notification() -> str:
    """Let a child make two refused calls and see whether they are told here: empty, or why not."""
    hand_over, listener = notify.HandOver(), notify.Listener()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        hand_over.receiving.close()
        try:
            _seccomp(hand_over)
            reason = ""
        except Exception as error:  # every reason means the same: this layer is not to be had here
            reason = str(error) or type(error).__name__
        os.write(writing, reason.encode(errors="replace")[:1000])
        os._exit(0)
    os.close(writing)
    hand_over.giving.close()
    if supervise.wait(child, None, time.monotonic() + _SECONDS, listener, hand_over):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return f"refused calls were not answered within {_SECONDS:g} seconds"
    told = sum(sum(calls.values()) for calls in listener.counts.values())
    return _end(child, reading) or ("" if told == 2 else "refused calls were not told")
