"""Child processes: each leads a session of its own, dies with its parent, and is found after a crash."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from countersign.embedded.problems import Problem

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

LOG_LIMIT = 10 * 1024 * 1024
RUN_VARIABLE = "COUNTERSIGN_RUN"
"""Every child carries the id of its run in this variable, so that its own children are known by it too."""


def _nothing() -> None:
    return None


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Child:
    """A program to run and watch, as data.

    `environment` is the whole environment. `prepare` runs before every start and may raise `Problem`;
    `ready` says without waiting whether the running program serves. `stop_signal` asks it to end within
    `patience` seconds; `death_signal` reaches it when its parent dies without a word. `mend` is the advice
    added when it does not come up. `essential` programs take everything with them when they stay down, a
    `service` is stopped after all programs that use it.
    The standard output of a `shown` one goes to ours instead of its log: it may hold a first password.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    cwd: Path | None = None
    prepare: Callable[[], None] = _nothing
    ready: Callable[[], bool] = _always
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    patience: float = 10.0
    user: int | None = None
    mend: str = ""
    shown: bool = False
    service: bool = False
    essential: bool = False


class Process(NamedTuple):
    """A line of /proc: enough to know a process again. `started` is in clock ticks since boot."""

    pid: int
    session: int
    started: int


class Running:
    """A started child. `started` is monotonic seconds."""

    def __init__(self, child: Child) -> None:
        """Start `child`: prepare, open its log, spawn. Raises `Problem` or `OSError`."""
        child.prepare()
        self.child = child
        self.started = time.monotonic()
        trim_log(child.log)
        with child.log.open("ab") as log:
            self._log_offset = log.tell()
            self.popen = spawn(
                child.command,
                environment=child.environment,
                death_signal=child.death_signal,
                stdout=None if child.shown else log.fileno(),
                stderr=log.fileno(),
                cwd=child.cwd,
                user=child.user,
            )

    @property
    def pid(self) -> int:
        """Process id, which is its session id as well."""
        return self.popen.pid

    def alive(self) -> bool:
        """True while the program runs; collects its exit status when it ends."""
        return self.popen.poll() is None

    def end(self) -> str:
        """How it ended, for a person: status or signal, the telling line of its log, where the log is."""
        code = self.popen.returncode
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        words = last_words(self.child.log, self._log_offset)
        return f"{how}{': ' if words else ''}{words}; log: {self.child.log}"

    def ask_to_stop(self) -> None:
        """Send the stop signal, once, without waiting."""
        if self.alive():
            self.popen.send_signal(self.child.stop_signal)

    def wait_or_kill(self, deadline: float) -> None:
        """Wait for the end until monotonic `deadline`, then kill; leaves no process of its session behind."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(max(0.0, deadline - time.monotonic()))
        kill_session(self.pid)
        self.popen.wait()

    def stop(self) -> None:
        """Ask to stop, wait for its patience, then kill whatever is left of its session."""
        self.ask_to_stop()
        self.wait_or_kill(time.monotonic() + self.child.patience)


def start(child: Child, *, wait: Callable[[float], None] = time.sleep) -> Running:
    """Start `child` and return when it serves; however long that takes, as long as it lives.

    `wait` pauses for so many seconds; what it raises ends the child. Raises `Problem` when the child ends.
    """
    running = Running(child)
    try:
        while not child.ready():
            if not running.alive():
                mend = f": {child.mend}" if child.mend else ""
                raise Problem(f"{child.name} did not start ({running.end()}){mend}")
            wait(0.02)
    except BaseException:
        running.stop()
        raise
    return running


def spawn(
    command: tuple[str, ...],
    *,
    environment: Mapping[str, str],
    death_signal: signal.Signals = signal.SIGTERM,
    stdout: int | None = None,
    stderr: int | None = None,
    cwd: Path | None = None,
    user: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` as the leader of a new session that gets `death_signal` when this process dies.

    `user` is a uid (and gid) to become. Call it from the main thread only: the kernel ties the signal to
    the life of the calling thread.
    """
    parent = os.getpid()

    def tie_to_parent() -> None:
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

    return subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        start_new_session=True,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        preexec_fn=tie_to_parent,
    )


def trim_log(log: Path) -> None:
    """Empty a log that grew past `LOG_LIMIT`, so that a long-lived home does not fill its disk."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.write_bytes(b"")


def last_words(log: Path, offset: int = 0) -> str:
    """The last PANIC or FATAL line of `log` after `offset`, else its last line; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(offset, log.stat().st_size - 65536))
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
    except OSError:
        return ""
    lines = [line for line in lines if line]
    grave = [line for line in lines if "PANIC:" in line or "FATAL:" in line]
    return (grave or lines or [""])[-1][:300]


def processes() -> Iterator[Process]:
    """Every process that has not ended, as /proc shows it; nothing on systems without /proc."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold anything, so fields count from the last one.
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if fields and fields[0] not in "ZX":
            yield Process(pid=int(entry.parent.name), session=int(fields[3]), started=int(fields[19]))


def identify(pid: int) -> Process | None:
    """The process with this id, or None when it has ended."""
    return next((process for process in processes() if process.pid == pid), None)


def environment_holds(pid: int, variable: str, value: str) -> bool:
    """True when the process was started with `variable` set to `value` and we may see it."""
    try:
        return f"{variable}={value}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def signal_process(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that has ended meanwhile is no error."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_session(session: int) -> None:
    """Kill every process of a session and return when they are gone (zombies of ours not counted)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)
    while members := [process for process in processes() if process.session == session]:
        for member in members:
            signal_process(member.pid, signal.SIGKILL)
        time.sleep(0.01)
