"""Seccomp user notification: every refused call is put to the supervisor, which counts and refuses it.

Without it a model that swallows the refusal leaves no trace of what it tried. The answer is always EPERM,
the same as the plain filter gives; a call is never let through.
"""

import array
import contextlib
import errno
import fcntl
import os
import socket
import struct

from . import kernel, syscalls

# SECCOMP_IOCTL_NOTIF_RECV and _SEND of <linux/seccomp.h>, the same on both architectures.
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_REQUEST = struct.Struct("=QIIiIQ6Q")
_REPLY = struct.Struct("=QqiI")
_CLONE_VFORK = 0x00004000
# No library makes this call, so the first one is our own program's: from here on, it is the model.
_MARK = "landlock_restrict_self"

Counts = dict[str, dict[str, int]]


def names() -> dict[int, tuple[str, str]]:
    """Call number to (kind, name) of every call that is put to the supervisor."""
    found = {
        number: (kind, name)
        for kind, table in syscalls.ATTEMPTS.items()
        for name, number in syscalls.numbers(table).items()
    }
    checked = syscalls.numbers(syscalls.CHECKED)
    for name, kind in _CHECKED_KINDS.items():
        if name in checked:
            found[checked[name]] = (kind, name)
    return found


# What it means when one of the calls with checked arguments does not pass the check.
_CHECKED_KINDS = {
    "clone": "process",
    "kill": "signal",
    "tgkill": "signal",
    "fcntl": "signal",
    "prlimit64": "limits",
    "open": "write",
    "openat": "write",
}


def model_begins() -> None:
    """Tell the supervisor that libraries are imported and the model comes next: only it is counted."""
    with contextlib.suppress(OSError):
        kernel.syscall(_MARK, -1, 0)


class HandOver:
    """The socket pair over which the model's half gives the listening descriptor to the supervisor.

    Made before the two part; each keeps its own end.
    """

    def __init__(self) -> None:
        self.receiving, self.giving = socket.socketpair()

    def give(self, listener: int) -> None:
        """Send the descriptor, then close it and the socket: the model must hold neither."""
        socket.send_fds(self.giving, [b"\0"], [listener])
        os.close(listener)
        self.giving.close()


class Listener:
    """Answers notifications and counts them by kind and call."""

    def __init__(self) -> None:
        self.counts: Counts = {}
        self._names = names()
        self._begun = False

    def take(self, receiving: socket.socket) -> int | None:
        """The listening descriptor from the model's half; None when that closed its end without one."""
        size = array.array("i").itemsize
        _, ancillary, _, _ = receiving.recvmsg(1, socket.CMSG_SPACE(size))
        for _, _, content in ancillary:
            return int.from_bytes(content[:size], "little")
        return None

    def answer(self, descriptor: int) -> None:
        """Refuse one waiting call. Must only be called when `descriptor` is readable, or it waits for one.

        A call whose process has died meanwhile (ENOENT) is neither counted nor answered.
        """
        request = bytearray(_REQUEST.size)
        try:
            fcntl.ioctl(descriptor, _RECEIVE, request)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return
            raise
        identifier, _, _, number, _, _, first, *_ = _REQUEST.unpack(request)
        self._count(number, first)
        with contextlib.suppress(FileNotFoundError):
            fcntl.ioctl(descriptor, _SEND, _REPLY.pack(identifier, 0, -errno.EPERM, 0))

    def _count(self, number: int, first: int) -> None:
        kind, name = self._names.get(number, ("forbidden", str(number)))
        if name == _MARK and not self._begun:
            self._begun = True
            self.counts.clear()
            return
        if name == "clone" and first & _CLONE_VFORK:
            # The caller waits until the new process has become another program: system() and posix_spawn().
            kind = "program"
        calls = self.counts.setdefault(kind, {})
        calls[name] = calls.get(name, 0) + 1
