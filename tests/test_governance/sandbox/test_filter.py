"""The system-call filter, interpreted step by step for both architectures (only one can run here)."""

import errno
import os
import platform
import struct

import pytest

from governance.evaluation.sandbox.inside import seccomp, syscalls

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
DENIED, MISSING = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
MACHINES = ("x86_64", "aarch64")


def decide(steps: list[seccomp.Instruction], machine: str, number: int, *arguments: int) -> int:
    """Run the filter as the kernel would on one call."""
    values = [value & (1 << 64) - 1 for value in (*arguments, *[0] * 6)][:6]
    data = struct.pack("<iIQ6Q", number, syscalls.AUDIT_ARCHITECTURES[machine], 0, *values)
    place, accumulator = 0, 0
    while True:
        code, yes, no, value = steps[place]
        place += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x06:
            return value
        else:
            holds = {
                0x15: accumulator == value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }[code]
            place += yes if holds else no


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(platform, "machine", lambda: request.param)
    return str(request.param)


def test_listed_calls_pass_named_ones_are_denied_and_the_rest_do_not_exist(machine: str) -> None:
    steps = seccomp.program()
    allowed = syscalls.numbers(syscalls.ALLOWED, machine)
    named = syscalls.numbers(syscalls.NAMED, machine)
    checked = syscalls.numbers(syscalls.CHECKED, machine)
    assert len(allowed) > 85
    assert not set(allowed.values()) & (set(named.values()) | set(checked.values()))
    for number in range(600):
        if number in allowed.values():
            assert decide(steps, machine, number) == ALLOW
        elif number in named.values():
            assert decide(steps, machine, number) == DENIED
        elif number not in checked.values():
            assert decide(steps, machine, number) == MISSING
    for forbidden in ("socket", "connect", "execve", "kill", "ptrace", "memfd_create", "unshare", "bpf"):
        assert decide(steps, machine, named[forbidden]) == DENIED


def test_the_arguments_that_matter_are_checked(machine: str) -> None:
    steps = seccomp.program()
    numbers = syscalls.numbers(syscalls.CHECKED, machine)

    def asked(name: str, *arguments: int) -> int:
        return decide(steps, machine, numbers[name], *arguments)

    sigchld, thread = 17, 0x3D0F00
    assert asked("clone", sigchld) == DENIED
    assert asked("clone", thread) == ALLOW
    assert asked("clone3", 0) == MISSING
    assert asked("tgkill", os.getpid(), 1, 6) == ALLOW
    assert asked("tgkill", os.getppid(), 1, 9) == DENIED
    set_owner, set_signal, set_pipe_size, duplicate = 8, 10, 1031, 1030
    assert [asked("fcntl", 1, command) for command in (set_owner, set_signal, set_pipe_size)] == [DENIED] * 3
    assert asked("fcntl", 1, duplicate) == ALLOW
    assert asked("ioctl", 1, 0x5401) == ALLOW
    assert asked("ioctl", 1, 0x5412) == ERRNO | errno.ENOTTY
    assert asked("prctl", 15) == ALLOW
    assert [asked("prctl", option) for option in (1, 4, 22, 38)] == [DENIED] * 4
    assert asked("prlimit64", 0, 9, 0) == ALLOW
    assert [asked("prlimit64", 0, 9, new) for new in (1, 1 << 32, 1 << 63)] == [DENIED] * 3


def test_a_foreign_architecture_is_killed_and_x32_does_not_exist(machine: str) -> None:
    steps = seccomp.program()
    other = next(name for name in MACHINES if name != machine)
    assert decide(steps, other, 0) == KILL
    if machine == "x86_64":
        assert decide(steps, machine, 0x40000000 | 1) == MISSING


def test_an_unknown_architecture_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert seccomp.program() == []
    with pytest.raises(OSError, match="riscv64"):
        seccomp.restrict()
