"""Landlock: everything outside a list of readable paths is closed, and nothing can be written."""

import errno
import os
import stat
import struct
from collections.abc import Iterable

from . import kernel

_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_VERSION_REQUEST = 1
_PATH_BENEATH = 1

# Rights the rule set takes over, and so denies where no rule grants them, by the version that brought them.
_FIRST_VERSION_RIGHTS = (1 << 13) - 1
_REFER, _TRUNCATE, _DEVICE_CONTROL = 1 << 13, 1 << 14, 1 << 15
_TCP_BIND_AND_CONNECT = 3
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1, 2


def version() -> int:
    """The Landlock version the kernel offers; 0 without Landlock."""
    try:
        return kernel.syscall("landlock_create_ruleset", 0, 0, _VERSION_REQUEST)
    except OSError:
        return 0


def restrict(readable: Iterable[str]) -> int:
    """Confine the calling thread for good to reading below `readable`; gives the Landlock version.

    Only this thread and those it starts later are bound, so it is called while there is one. Paths that do
    not exist are left out. Raises OSError where Landlock is missing or refuses.
    """
    number = version()
    if not number:
        raise OSError(errno.ENOSYS, "the kernel has no Landlock")
    rules = _rule_set(number)
    try:
        for path in readable:
            _allow_reading(rules, path)
        kernel.syscall("landlock_restrict_self", rules, 0)
    finally:
        os.close(rules)
    return number


def _rule_set(number: int) -> int:
    rights = _FIRST_VERSION_RIGHTS
    rights |= _REFER if number >= 2 else 0
    rights |= _TRUNCATE if number >= 3 else 0
    rights |= _DEVICE_CONTROL if number >= 5 else 0
    network = _TCP_BIND_AND_CONNECT if number >= 4 else 0
    # Some kernels report version 6 without being able to scope signals; then the smaller scope is taken.
    scopes = (_SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS, _SCOPE_ABSTRACT_SOCKETS, 0) if number >= 6 else (0,)
    size = 8 if number < 4 else 16 if number < 6 else 24
    for scope in scopes:
        attributes = struct.pack("=QQQ", rights, network, scope)[:size]
        try:
            return kernel.syscall("landlock_create_ruleset", attributes, size, 0)
        except OSError as error:
            if error.errno != errno.EINVAL or not scope:
                raise
    raise AssertionError("unreachable: the last scope either works or raises")


def _allow_reading(rules: int, path: str) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        is_folder = stat.S_ISDIR(os.fstat(place).st_mode)
        rights = _READ_FILE | _READ_DIR if is_folder else _READ_FILE
        # struct landlock_path_beneath_attr is packed: eight bytes of rights, four of descriptor.
        kernel.syscall("landlock_add_rule", rules, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)
