"""Thin, typed access to the few Linux calls the standard library does not offer."""

import ctypes
import os

from . import syscalls

_libc = ctypes.CDLL(None, use_errno=True)
_OWN = syscalls.numbers(syscalls.OWN)

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SIGKILL = 9


def syscall(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> int:
    """Make the system call `name`; raises OSError with the call's name, also where its number is unknown."""
    if name not in _OWN:
        raise OSError(38, f"{name}: the system-call number is not known on this architecture")
    ctypes.set_errno(0)
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(_libc.syscall(ctypes.c_long(_OWN[name]), *values))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def _prctl(option: int, value: int) -> None:
    ctypes.set_errno(0)
    arguments = [ctypes.c_ulong(number) for number in (value, 0, 0, 0)]
    if _libc.prctl(ctypes.c_int(option), *arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def die_with_parent() -> None:
    """Ask for SIGKILL when the thread that started this process ends.

    The wish is forgotten at a change of user, so it is stated after one, and the caller compares its parent
    afterwards: the parent may have ended before.
    """
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, so that it can be found and ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_from_same_user() -> None:
    """Close this process's /proc entries and memory to other processes of the same user."""
    _prctl(_PR_SET_DUMPABLE, 0)


def no_new_privileges() -> None:
    """Give up set-user-id programs for good; Landlock and seccomp need it without root."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Empty every capability set of this thread. User 0 still owns root's files: Landlock must cover them."""
    version_3 = 0x20080522
    header = version_3.to_bytes(4, "little") + bytes(4)
    syscall("capset", header, bytes(24))
