"""Job handlers: what runs for each kind of job, and what a handler may ask of its job.

A handler may run twice without harm: it makes its lasting change inside `context.finishing()`, which holds the
job's row and refuses when another worker has taken the job over, so that a job ends exactly once.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from django.db import transaction

from countersign import clock
from countersign.actors import Actor
from countersign.jobs.models import Job, JobLine, JobState

QUEUES = ("core", "evaluation")


def storable(text: str) -> str:
    """The text as PostgreSQL can keep it: names in foreign files may hold a NUL or half a surrogate pair."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


class JobFailed(Exception):
    """The job cannot succeed: a stable code and a sentence for people. It is not tried again by itself."""

    def __init__(
        self, code: str, message: str, *, said: str = "", circumstances: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.said = code, storable(message), storable(said)
        self.circumstances = circumstances


class Retry(Exception):
    """A named, passing trouble: try again after so many seconds while attempts are left."""

    def __init__(self, message: str, *, after_seconds: float) -> None:
        super().__init__(message)
        self.message, self.after_seconds = message, after_seconds


class Wait(Exception):
    """Other jobs have to end first: the worker's place is given up, since it may be the only one. Whoever ends last
    calls `actions.wake`; `ready` is asked once more after the job was laid aside, lest that call came too early.
    Waiting uses up no attempt."""

    def __init__(self, message: str, *, ready: Callable[[], bool]) -> None:
        super().__init__(message)
        self.message, self.ready = message, ready


class Cancelled(Exception):
    """Somebody asked for the job to end."""


class ClaimLost(Exception):
    """Another worker has the job, or it has ended: this one must not write any more."""


@dataclass
class JobContext:
    """What a running handler is given. `is_cancelled` and `is_lost` are kept up to date by the heartbeat."""

    job: Job
    actor: Actor
    is_cancelled: bool = False
    is_lost: bool = False
    finished: bool = False
    #: Progress shows no less than this: what earlier attempts left done.
    at_least: float = 0.0
    _steps: list[dict[str, Any]] = field(default_factory=list)
    #: Held while the database is spoken to, which must not be broken off in mid-sentence.
    _talking: threading.Lock = field(default_factory=threading.Lock)

    @property
    def args(self) -> dict[str, Any]:
        """The arguments it was enqueued with."""
        return dict(self.job.args)

    def _mine(self) -> Any:
        return Job.objects.filter(id=self.job.id, claim=self.job.claim, state=JobState.RUNNING)

    def _update(self, **fields: Any) -> None:
        with self._talking:
            if not self._mine().update(heartbeat_at=clock.now(), **fields):
                raise ClaimLost

    def cancelled(self) -> bool:
        """Whether to stop: cancelled by a person, or taken over."""
        return self.is_cancelled or self.is_lost

    def check(self) -> None:
        """Raise Cancelled or ClaimLost where the job should stop."""
        if self.is_lost:
            raise ClaimLost
        if self.is_cancelled:
            raise Cancelled

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Around long arithmetic that asks nobody whether to go on: Cancelled or ClaimLost is raised in its midst, as
        soon as the library call at hand returns. Nothing but arithmetic belongs inside; steps and progress may be
        told."""
        watch = _Watch(self, threading.get_ident())
        try:
            watch.start()
            yield
        finally:
            watch.stop()
            self.check()

    def step(self, name: str, detail: str = "", *, progress: float | None = None) -> None:
        """Begin a step, ending the one before; people see the list with times."""
        self.check()
        now = clock.now().isoformat()
        if self._steps:
            self._steps[-1] |= {"state": "done", "ended_at": now}
        self._steps.append(
            {
                "name": name,
                "detail": storable(detail),
                "state": "running",
                "started_at": now,
                "ended_at": None,
            }
        )
        fields: dict[str, Any] = {"steps": self._steps, "message": name[:300]}
        if progress is not None:
            fields["progress"] = min(max(progress, self.at_least), 1.0)
        self._update(**fields)

    def progress(self, share: float, message: str) -> None:
        """Set progress (0 to 1) with what is going on."""
        self.check()
        message = storable(message)
        if self._steps:
            self._steps[-1]["detail"] = message
        self._update(progress=min(max(share, self.at_least), 1.0), message=message[:300], steps=self._steps)

    def log(self, text: str) -> None:
        """Add a line people can read on the job's page."""
        with self._talking:
            JobLine.objects.create(job=self.job, at=clock.now(), text=storable(text)[:2000])

    @contextmanager
    def finishing(self, result: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """One transaction that holds the job's row: what is written inside and the job's success commit together,
        or neither. Yields the result, which the block may fill. Raises ClaimLost when the job is no longer ours."""
        outcome = result if result is not None else {}
        with transaction.atomic():
            if self._mine().select_for_update().first() is None:
                raise ClaimLost
            yield outcome
            now = clock.now()
            for step in self._steps:
                if step["state"] == "running":
                    step |= {"state": "done", "ended_at": now.isoformat()}
            self._mine().update(
                state=JobState.SUCCEEDED,
                progress=1,
                message="Done",
                result=outcome,
                steps=self._steps,
                ended_at=now,
                heartbeat_at=now,
            )
        self.finished = True


class _Watch(threading.Thread):
    """Raises an exception in a thread once its job is to stop (PyThreadState_SetAsyncExc), and again every second
    for as long as it works on: a destructor or a library may swallow one.

    What was raised is never taken back: Python 3.11 then looks for it at every call for the rest of the process's
    life, and does nothing else where a profiler or tracer listens.
    """

    def __init__(self, context: JobContext, thread: int) -> None:
        super().__init__(daemon=True, name=f"watch-{context.job.id}")
        self._context, self._thread = context, ctypes.c_ulong(thread)
        # Of one C call each, so that an exception in the midst leaves no lock behind, as it would in an Event.
        self._told: SimpleQueue[None] = SimpleQueue()
        self._ended = False

    def run(self) -> None:
        pause = 0.2
        while not self._over(pause):
            if self._context.cancelled():
                pause = 1.0
                with self._context._talking:
                    if not self._ended:
                        stop = ClaimLost if self._context.is_lost else Cancelled
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread, ctypes.py_object(stop))

    def _over(self, seconds: float) -> bool:
        try:
            self._told.get(timeout=seconds)
        except Empty:
            return self._ended
        return True

    def stop(self) -> None:
        """Raise nothing any more; what was about to be raised is over when this returns."""
        while self.is_alive():
            with suppress(Cancelled, ClaimLost):
                self._ended = True
                self._told.put(None)
                self.join()


HandlerFunction = Callable[[JobContext], dict[str, Any] | None]
FailureHook = Callable[[Job, JobFailed, Actor], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job that came to its end ended, where “done” says too little: a status kind, its word, a sentence."""

    status: str
    word: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Handler:
    """A kind of job: its function, its queue, and how people call it; `plan` names its steps in
    order, `outcome` tells how a succeeded one ended."""

    kind: str
    queue: str
    title: str
    function: HandlerFunction
    retryable: bool
    plan: tuple[str, ...] = ()
    outcome: Callable[[Job], Outcome] | None = None


_handlers: dict[str, Handler] = {}
_failure_hooks: dict[str, FailureHook] = {}


def handler(
    kind: str,
    *,
    queue: str = "core",
    title: str,
    retryable: bool = True,
    plan: tuple[str, ...] = (),
    outcome: Callable[[Job], Outcome] | None = None,
) -> Callable[[HandlerFunction], HandlerFunction]:
    """Register a function for a kind of job. `retryable` False: a person asks anew instead of running the job
    again (its own row has ended with it). Raises ValueError on a second one or an unknown queue."""
    if queue not in QUEUES:
        raise ValueError(f"queue {queue} is not one of {QUEUES}")

    def add(function: HandlerFunction) -> HandlerFunction:
        if kind in _handlers:
            raise ValueError(f"job kind {kind} is registered twice")
        _handlers[kind] = Handler(kind, queue, title, function, retryable, plan, outcome)
        return function

    return add


def on_failure(kind: str) -> Callable[[FailureHook], FailureHook]:
    """Register what else ends when a job of this kind fails or is cancelled: called inside the transaction that
    ends it, with code `cancelled` for a cancelled one."""

    def add(function: FailureHook) -> FailureHook:
        _failure_hooks[kind] = function
        return function

    return add


def handler_of(kind: str) -> Handler:
    """The handler of a kind. Raises KeyError for an unknown one."""
    return _handlers[kind]


def kinds() -> list[tuple[str, str]]:
    """Every kind of job with its title, by title."""
    return sorted(((one.kind, one.title) for one in _handlers.values()), key=lambda pair: pair[1])


def plan_of(job: Job) -> tuple[str, ...]:
    """The steps of the job's kind in order, so that people see what is still to come or was not done."""
    known = _handlers.get(job.kind)
    return known.plan if known else ()


def outcome_of(job: Job) -> Outcome | None:
    """How a succeeded job ended, where its kind tells more than “done”."""
    known = _handlers.get(job.kind)
    told = known.outcome if known and job.state == JobState.SUCCEEDED else None
    return told(job) if told else None


def title_of(kind: str) -> str:
    """How people call this kind of job."""
    known = _handlers.get(kind)
    return known.title if known else kind


def call_failure_hook(job: Job, failure: JobFailed, actor: Actor) -> None:
    """Let the owner of the kind end what belongs to the job. Call inside the ending transaction."""
    if hook := _failure_hooks.get(job.kind):
        hook(job, failure, actor)
