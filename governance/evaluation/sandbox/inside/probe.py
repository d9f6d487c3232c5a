"""Try each layer of the confinement in a throw-away process and see whether it bites.

Kernel versions and sysctls do not tell: a container's own filter may refuse a call the kernel has.
"""

import json
import os
import socket
import sys
from collections.abc import Callable

from . import kernel, landlock, seccomp

# Every Linux host has it, and nothing a model may read lies in it.
_ELSEWHERE = "/etc"


def main() -> None:
    """Print what works as JSON. Arguments: the paths that must stay readable, as JSON."""
    readable = json.loads(sys.argv[1])
    report = {
        "user": os.getuid(),
        "unreadable": [path for path in readable if os.path.exists(path) and not os.access(path, os.R_OK)],
        "landlock": _attempt(lambda: _landlock(readable)),
        "seccomp": _attempt(_seccomp),
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


def _seccomp() -> None:
    kernel.no_new_privileges()
    seccomp.restrict()
    for forbidden in (os.fork, socket.socket):
        try:
            forbidden()
        except PermissionError:
            continue
        raise RuntimeError("a forbidden system call went through")
