"""Start the sandboxed program, move bytes to and from it, and end it whatever happens.

One thread and one loop over non-blocking pipes: nothing the program does or fails to do can block the
worker, and the caller's batches are read in the caller's own thread.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import host
from .attempts import Attempt, worded
from .failures import EvaluationFailed, Refusal, printable
from .isolation import Isolation
from .limits import Limits

_PIECE = 1 << 20
_LOOK_SECONDS = 0.2
# The supervisor ends the model at its deadline; only if it fails to, the parent does, this much later.
_GRACE_SECONDS = 3.0
# From the moment the supervisor is told to end the model until it is killed as well.
_STOP_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Task:
    """What is run: `entry` is module:function of the program, `program` modules to import before confining.

    `artifact` is opened here and handed over as a read-only descriptor. `facts` reach the function as JSON.
    """

    entry: str
    program: tuple[str, ...]
    artifact: Path
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Ended:
    """How a run ended. `status` is the kernel's wait status of the model, None when nobody could report it.

    `confined` is the child's report of its confinement, None when it did not get that far. `refusal` is the
    parent's reason for ending it. Times in seconds. `attempts` are the refused calls as the supervisor counted
    them (see `attempts.worded`), none where the isolation has no notification.
    """

    status: int | None = None
    ended_by: str | None = None
    confined: dict[str, Any] | None = None
    setup_failed: str = ""
    peak_rss_bytes: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    strays: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    log: str = ""
    log_bytes: int = 0
    refusal: Refusal | None = None


def run(
    task: Task,
    *,
    limits: Limits,
    isolation: Isolation,
    answered: Callable[[bytes], None],
    features: Iterator[memoryview],
    cancelled: Callable[[], bool] | None = None,
) -> Ended:
    """Run `task` to its end and say how it ended.

    `answered` gets the bytes the program writes and may raise Refusal to end it. `features` is read when the
    program is ready for more. `cancelled` is asked a few times a second. Raises EvaluationFailed where no
    process can be started, and passes on whatever the three callables raise, after ending the program.
    """
    if sys.platform != "linux":
        raise EvaluationFailed("sandbox_unavailable", isolation.refused[0])
    with contextlib.ExitStack() as stack:
        running = _Running(task, limits, isolation, stack)
        return running.carry_on(answered, features, cancelled)


@dataclass(slots=True)
class _Pipe:
    reading: int
    writing: int


@dataclass(slots=True)
class _Pending:
    """Bytes on their way to the program: the piece being written, and where the next ones come from."""

    source: Iterator[memoryview]
    piece: memoryview = field(default_factory=lambda: memoryview(b""))

    def write(self, descriptor: int) -> bool:
        """Write what fits; False when everything has been written or the program reads no more."""
        while not self.piece:
            following = next(self.source, None)
            if following is None:
                return False
            self.piece = following
        try:
            self.piece = self.piece[os.write(descriptor, self.piece[:_PIECE]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return True


class _Running:
    """One started program with its pipes. Leaving the stack ends it and closes everything."""

    def __init__(self, task: Task, limits: Limits, isolation: Isolation, stack: contextlib.ExitStack) -> None:
        self._limits = limits
        self._stack = stack
        self._open: set[int] = set()
        stack.callback(self._close_all)
        self._spec, self._features, self._leash = self._pipe(), self._pipe(), self._pipe()
        self._answers, self._log, self._status = self._pipe(), self._pipe(), self._pipe()
        artifact = self._keep(os.open(task.artifact, os.O_RDONLY | os.O_CLOEXEC))
        inherited = (
            self._spec.reading,
            self._features.reading,
            self._leash.reading,
            self._answers.writing,
            self._status.writing,
            artifact,
        )
        bubblewrap = "bubblewrap" in isolation.layers
        identity: dict[str, Any] = {}
        if "other_user" in isolation.layers:
            user = host.spare_user()
            identity = {"user": user, "group": user, "extra_groups": []}
        self._started = time.monotonic()
        try:
            self._process = subprocess.Popen(
                host.command("start", str(self._spec.reading), layers=isolation.layers),
                stdin=subprocess.DEVNULL,
                stdout=self._log.writing,
                stderr=self._log.writing,
                env=host.ENVIRONMENT,
                cwd="/",
                close_fds=True,
                pass_fds=inherited,
                start_new_session=True,
                **identity,
            )
        except OSError as error:
            raise EvaluationFailed(
                "sandbox_unavailable",
                f"The sandbox could not be started ({printable(str(error))[:200]}). Ask an administrator to "
                "run the doctor on this worker; nothing was run.",
            ) from error
        stack.callback(self._kill)
        for descriptor in (*inherited, self._log.writing):
            self._close(descriptor)
        self._describe(task, isolation, inherited, bubblewrap)

    def _describe(
        self, task: Task, isolation: Isolation, inherited: tuple[int, ...], bubblewrap: bool
    ) -> None:
        _, features, leash, answers, status, artifact = inherited
        spec = {
            "entry": task.entry,
            "program": task.program,
            "facts": dict(task.facts),
            "folders": host.PROGRAM_FOLDERS,
            "libraries": host.library_folders(),
            "readable": host.readable_paths(),
            "layers": isolation.layers,
            "limits": self._limits.as_dict(),
            "parent": 0 if bubblewrap else os.getpid(),
            "artifact": artifact,
            "features": features,
            "leash": leash,
            "answers": answers,
            "status": status,
        }
        with contextlib.suppress(BrokenPipeError), os.fdopen(self._spec.writing, "wb") as writer:
            self._open.discard(self._spec.writing)
            writer.write(json.dumps(spec).encode())

    def carry_on(
        self,
        answered: Callable[[bytes], None],
        features: Iterator[memoryview],
        cancelled: Callable[[], bool] | None,
    ) -> Ended:
        """Move bytes until the program has closed its pipes, then collect how it ended."""
        ended, pending = Ended(), _Pending(features)
        log, status = bytearray(), bytearray()
        deadline = self._started + self._limits.wall_seconds + _GRACE_SECONDS
        stopped_at: float | None = None
        selector = self._stack.enter_context(selectors.DefaultSelector())
        sources = (self._answers.reading, self._log.reading, self._status.reading)
        for descriptor in sources:
            os.set_blocking(descriptor, False)
            selector.register(descriptor, selectors.EVENT_READ)
        os.set_blocking(self._features.writing, False)
        selector.register(self._features.writing, selectors.EVENT_WRITE)
        looked = 0.0
        while any(descriptor in selector.get_map() for descriptor in sources):
            now = time.monotonic()
            if stopped_at is None and now - looked >= _LOOK_SECONDS:
                looked = now
                if cancelled is not None and cancelled():
                    ended.refusal = _CANCELLED
                if ended.refusal or now > deadline:
                    stopped_at = now
                    self._close(self._leash.writing)
            if stopped_at is not None and now > stopped_at + _STOP_SECONDS:
                break
            for key, _ in selector.select(_LOOK_SECONDS):
                descriptor = key.fd
                if descriptor == self._features.writing:
                    if ended.refusal or not pending.write(descriptor):
                        selector.unregister(descriptor)
                        self._close(descriptor)
                    continue
                piece = _read(descriptor)
                if piece is None:
                    continue
                if not piece:
                    selector.unregister(descriptor)
                elif descriptor == self._log.reading:
                    ended.log_bytes += len(piece)
                    log += piece[: self._limits.log_bytes - len(log)]
                elif descriptor == self._status.reading:
                    status += piece
                elif ended.refusal is None:
                    try:
                        answered(piece)
                    except Refusal as refusal:
                        ended.refusal = refusal
                        looked = 0.0
        self._kill()
        ended.wall_seconds = time.monotonic() - self._started
        ended.log = printable(log.decode(errors="replace"))
        _take_status(bytes(status), ended)
        return ended

    def _pipe(self) -> _Pipe:
        reading, writing = os.pipe()
        return _Pipe(self._keep(reading), self._keep(writing))

    def _keep(self, descriptor: int) -> int:
        self._open.add(descriptor)
        return descriptor

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.discard(descriptor)
            os.close(descriptor)

    def _close_all(self) -> None:
        for descriptor in tuple(self._open):
            self._close(descriptor)

    def _kill(self) -> None:
        """End supervisor, model and bubblewrap, and reap them. Does nothing to a program that has ended."""
        self._close(self._leash.writing)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


_CANCELLED = Refusal(
    "cancelled",
    "The evaluation was cancelled before it finished, so it has no result. Start it again when you want one.",
)


def _read(descriptor: int) -> bytes | None:
    try:
        return os.read(descriptor, _PIECE)
    except BlockingIOError:
        return None


def _take_status(content: bytes, ended: Ended) -> None:
    """Read the lines of the status pipe; they come from our own code, before and outside the model."""
    for line in content.splitlines():
        report = json.loads(line)
        if "confined" in report:
            ended.confined = report["confined"]
        elif "setup_failed" in report:
            ended.setup_failed = str(report["setup_failed"])
        else:
            ended.status = report["status"]
            ended.ended_by = report["ended_by"]
            ended.peak_rss_bytes = report["peak_rss_bytes"]
            ended.cpu_seconds = report["cpu_seconds"]
            ended.strays = report["strays"]
            ended.attempts = worded(report["attempts"])
