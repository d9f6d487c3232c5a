"""The system-call filter, interpreted step by step for both architectures (only one can run here)."""

import errno
import os
import platform
import struct

import pytest

from governance.evaluation.sandbox import attempts
from governance.evaluation.sandbox.inside import seccomp, syscalls
from governance.evaluation.sandbox.inside.notify import names as notify_names

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
TOLD = 0x7FC00000
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


def named(machine: str) -> dict[str, int]:
    """Every call that is refused by name and told."""
    return {
        name: number
        for table in syscalls.ATTEMPTS.values()
        for name, number in syscalls.numbers(table, machine).items()
    }


@pytest.mark.parametrize(("notify", "refused"), [(False, DENIED), (True, TOLD)])
def test_listed_calls_pass_named_ones_are_denied_and_the_rest_do_not_exist(
    notify: bool, refused: int, machine: str
) -> None:
    steps = seccomp.program(notify=notify, hand_over=7)
    allowed = syscalls.numbers(syscalls.ALLOWED, machine)
    told, quiet = named(machine), syscalls.numbers(syscalls.QUIET, machine)
    checked = syscalls.numbers(syscalls.CHECKED, machine)
    assert len(allowed) > 85
    groups = [set(group.values()) for group in (allowed, told, quiet, checked)]
    assert len(set.union(*groups)) == sum(map(len, groups))
    for number in range(600):
        if number in allowed.values():
            assert decide(steps, machine, number) == ALLOW
        elif number in told.values():
            assert decide(steps, machine, number) == refused
        elif number in quiet.values():
            assert decide(steps, machine, number) == DENIED
        elif number not in checked.values():
            assert decide(steps, machine, number) == MISSING
    for forbidden in ("socket", "connect", "execve", "ptrace", "memfd_create", "unshare", "bpf"):
        assert decide(steps, machine, told[forbidden]) == refused


@pytest.mark.parametrize(("notify", "refused"), [(False, DENIED), (True, TOLD)])
def test_the_arguments_that_matter_are_checked(notify: bool, refused: int, machine: str) -> None:
    steps = seccomp.program(notify=notify, hand_over=7)
    numbers = syscalls.numbers(syscalls.CHECKED, machine)

    def asked(name: str, *arguments: int) -> int:
        return decide(steps, machine, numbers[name], *arguments)

    sigchld, thread = 17, 0x3D0F00
    assert asked("clone", sigchld) == refused
    assert asked("clone", thread) == ALLOW
    assert asked("clone3", 0) == MISSING
    for own_signal in ("kill", "tgkill"):
        assert asked(own_signal, os.getpid(), 6) == ALLOW
        assert [asked(own_signal, other, 9) for other in (os.getppid(), 0, -1)] == [refused] * 3
    set_owner, set_signal, set_owner_ex, set_pipe_size, duplicate = 8, 10, 15, 1031, 1030
    assert [asked("fcntl", 1, command) for command in (set_owner, set_signal, set_owner_ex)] == [refused] * 3
    assert [asked("fcntl", 1, command) for command in (6, set_pipe_size)] == [DENIED] * 2
    assert [asked("fcntl", 1, command) for command in (0, 1, duplicate)] == [ALLOW] * 3
    assert asked("ioctl", 1, 0x5401) == ALLOW
    assert asked("ioctl", 1, 0x5412) == ERRNO | errno.ENOTTY
    assert asked("ioctl", 1, 0xC0182101) == ERRNO | errno.ENOTTY
    assert asked("prctl", 15) == ALLOW
    assert [asked("prctl", option) for option in (1, 4, 22, 38)] == [DENIED] * 4
    assert asked("prlimit64", 0, 9, 0) == ALLOW
    assert [asked("prlimit64", 0, 9, new) for new in (1, 1 << 32, 1 << 63)] == [refused] * 3
    for call in ("open", "openat") if machine == "x86_64" else ("openat",):
        place = (0,) if call == "open" else (0, 0)
        read_only, close_on_exec, path_only = 0, os.O_CLOEXEC, os.O_PATH
        assert [asked(call, *place, flags) for flags in (read_only, close_on_exec, path_only)] == [ALLOW] * 3
        writing = (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_TMPFILE | os.O_RDWR, 3)
        assert [asked(call, *place, flags) for flags in writing] == [refused] * 6


def test_only_the_descriptor_that_hands_the_listener_over_may_carry_a_message(machine: str) -> None:
    sendmsg = syscalls.numbers(syscalls.ATTEMPTS["network"], machine)["sendmsg"]
    told = seccomp.program(notify=True, hand_over=7)
    assert [decide(told, machine, sendmsg, descriptor) for descriptor in (7, 8)] == [ALLOW, TOLD]
    assert decide(seccomp.program(), machine, sendmsg, 7) == DENIED


def test_every_call_that_is_told_has_a_sentence(machine: str) -> None:
    assert set(syscalls.ATTEMPTS) == set(attempts.SENTENCES)
    assert {kind for kind, _ in notify_names().values()} <= set(attempts.SENTENCES)
    assert set(named(machine).values()) <= set(notify_names())


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
