"""seccomp: a filter that allows a fixed list of system calls and refuses every other one.

The filter is classic BPF over `struct seccomp_data`: number at 0, architecture at 4, arguments from 16, eight
bytes each with the low half first (both architectures here are little-endian).
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Sequence

from . import kernel, syscalls
from .notify import HandOver

Instruction = tuple[int, int, int, int]

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000
_NOTIFY = 0x7FC00000
_DENY = _ERRNO | errno.EPERM
_MISSING = _ERRNO | errno.ENOSYS

_NUMBER, _ARCHITECTURE, _FIRST, _SECOND, _THIRD = 0, 4, 16, 24, 32
_CLONE_THREAD = 0x00010000
_X32_BIT = 0x40000000

# TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX: what isatty() and buffered files ask for.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# DUPFD GETFD SETFD GETFL SETFL DUPFD_CLOEXEC GETPIPE_SZ. Never SETOWN and SETSIG: with them a process sends
# any signal, SIGKILL too, to every other process of its user.
_FCNTL = (0, 1, 2, 3, 4, 1030, 1032)
# SETOWN SETSIG SETOWN_EX
_FCNTL_SIGNALS = (8, 10, 15)
# O_WRONLY O_RDWR O_CREAT O_TRUNC; O_TMPFILE needs one of the first two.
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000
# GET_DUMPABLE SET_NAME GET_NAME CAPBSET_READ GET_NO_NEW_PRIVS
_PRCTL = (3, 15, 16, 23, 39)


def _load(offset: int) -> Instruction:
    return (0x20, 0, 0, offset)


def _return(action: int) -> Instruction:
    return (0x06, 0, 0, action)


def _equal(value: int, yes: int, no: int) -> Instruction:
    return (0x15, yes, no, value)


def _at_least(value: int, yes: int, no: int) -> Instruction:
    return (0x35, yes, no, value)


def _any_bit(value: int, yes: int, no: int) -> Instruction:
    return (0x45, yes, no, value)


def _one_of(
    number: int,
    offset: int,
    values: Sequence[int],
    otherwise: int,
    *,
    noted: Sequence[int] = (),
    note: int = 0,
) -> list[Instruction]:
    """Allow call `number` when the argument at `offset` is one of `values`; one of `noted` gives `note`."""
    count = len(values) + len(noted)
    allow = [_equal(value, count - place + 1, 0) for place, value in enumerate(values)]
    tell = [_equal(value, count - len(values) - place, 0) for place, value in enumerate(noted)]
    head = [_equal(number, 0, count + 4), _load(offset)]
    return [*head, *allow, *tell, _return(otherwise), _return(note or otherwise), _return(_ALLOW)]


def program(*, notify: bool = False, hand_over: int = -1) -> list[Instruction]:
    """The filter for the calling process; empty on an architecture whose numbers are not known.

    `notify`: calls worth naming are put to the supervisor instead of being refused at once. `hand_over` is
    then the one descriptor on which a message may be sent: it carries the listener away and is closed.
    """
    machine = platform.machine()
    allowed = syscalls.numbers(syscalls.ALLOWED)
    if not allowed:
        return []
    deny = _NOTIFY if notify else _DENY
    checked = syscalls.numbers(syscalls.CHECKED)
    steps = [
        _load(_ARCHITECTURE),
        _equal(syscalls.AUDIT_ARCHITECTURES[machine], 1, 0),
        _return(_KILL_PROCESS),
        _load(_NUMBER),
    ]
    if machine == "x86_64":
        steps += [_at_least(_X32_BIT, 0, 1), _return(_MISSING)]
    # Threads may be started, processes may not. The flags of clone3 lie in memory, where no filter can read
    # them; without it the C library falls back to clone.
    steps += [_equal(checked["clone"], 0, 4), _load(_FIRST), _any_bit(_CLONE_THREAD, 0, 1)]
    steps += [_return(_ALLOW), _return(deny)]
    steps += [_equal(checked["clone3"], 0, 1), _return(_MISSING)]
    # A process may signal itself: abort() and raise() do.
    for name in ("kill", "tgkill"):
        steps += [_equal(checked[name], 0, 4), _load(_FIRST), _equal(os.getpid(), 0, 1)]
        steps += [_return(_ALLOW), _return(deny)]
    # Files may be opened to be read. Landlock refuses the rest as well, where there is one, but tells nobody.
    for name, flags in (("open", _SECOND), ("openat", _THIRD)):
        if name in checked:
            steps += [_equal(checked[name], 0, 4), _load(flags), _any_bit(_WRITING, 1, 0)]
            steps += [_return(_ALLOW), _return(deny)]
    steps += _one_of(checked["ioctl"], _SECOND, _IOCTL, _ERRNO | errno.ENOTTY)
    steps += _one_of(checked["fcntl"], _SECOND, _FCNTL, _DENY, noted=_FCNTL_SIGNALS, note=deny)
    steps += _one_of(checked["prctl"], _FIRST, _PRCTL, _DENY)
    # prlimit64 may read a limit: its third argument, the new limit, must be a null pointer in both halves.
    steps += [_equal(checked["prlimit64"], 0, 6), _load(_THIRD), _equal(0, 0, 3), _load(_THIRD + 4)]
    steps += [_equal(0, 0, 1), _return(_ALLOW), _return(deny)]
    if notify:
        sendmsg = syscalls.numbers(syscalls.ATTEMPTS["network"])["sendmsg"]
        steps += [_equal(sendmsg, 0, 4), _load(_FIRST), _equal(hand_over, 0, 1)]
        steps += [_return(_ALLOW), _return(deny)]
    for number in allowed.values():
        steps += [_equal(number, 0, 1), _return(_ALLOW)]
    for table in syscalls.ATTEMPTS.values():
        for number in syscalls.numbers(table).values():
            steps += [_equal(number, 0, 1), _return(deny)]
    for number in syscalls.numbers(syscalls.QUIET).values():
        steps += [_equal(number, 0, 1), _return(_DENY)]
    return [*steps, _return(_MISSING)]


def restrict(hand_over: HandOver | None = None) -> int:
    """Put the filter in force for every thread of the process, for good; gives its length.

    With `hand_over` calls worth naming are put to its other end. Needs no_new_privileges first, and a single
    thread. Raises OSError where the architecture is not known or the kernel refuses.
    """
    steps = program(notify=hand_over is not None, hand_over=hand_over.giving.fileno() if hand_over else -1)
    if not steps:
        raise OSError(errno.ENOSYS, f"no system-call table for {platform.machine()}")
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: two bytes of length, six of padding, a pointer. `buffer` stays alive until the call.
    header = struct.pack("=H6xQ", len(steps), ctypes.addressof(buffer))
    set_mode_filter, every_thread, new_listener = 1, 1, 8
    if hand_over:
        # Not together with every_thread before Linux 5.7; with one thread there is no other.
        hand_over.give(kernel.syscall("seccomp", set_mode_filter, new_listener, header))
    else:
        kernel.syscall("seccomp", set_mode_filter, every_thread, header)
    return len(steps)
