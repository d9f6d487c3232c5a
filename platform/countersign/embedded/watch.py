"""Keeping children running: restarts with patience, and one orderly end."""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FrameType

from countersign.embedded.problems import Problem
from countersign.embedded.processes import RUN_VARIABLE, Child, Running, start
from countersign.embedded.record import Record

_STEADY = 60.0
"""A child that ran this many seconds has its restarts counted anew."""


@dataclass
class _Watched:
    """A child to keep running; `running` is None while it waits for `restart_at` or has been given up."""

    child: Child
    running: Running | None
    restarts: int = 0
    restart_at: float | None = None


class Watch:
    """The children of one run, in the order they were started."""

    def __init__(self, *, record: Record, pause: Callable[[float], None], backoff: tuple[float, ...]) -> None:
        """`pause` sleeps for so many seconds or raises when we are to stop.

        `backoff` holds the seconds before each restart in a row; when they are used up a child is given up.
        """
        self._record = record
        self._pause = pause
        self._backoff = backoff
        self._watched: list[_Watched] = []

    def start(self, child: Child, *, wait: bool) -> None:
        """Start `child` and watch it from now on; with `wait`, return when it serves. Raises `Problem`."""
        child = self._marked(child)
        running = start(child, wait=self._pause) if wait else Running(child)
        self._watched.append(_Watched(child, running))
        self._record.add(running)

    def run_to_end(self, step: Child) -> None:
        """Run a child that ends by itself while keeping the others running; `Problem` when it fails."""
        running = Running(self._marked(step))
        try:
            while running.alive():
                self.tick(0.05)
        except BaseException:
            running.stop()
            raise
        if running.popen.returncode != 0:
            raise Problem(f"{step.name} failed ({running.end()})")

    def require_all_alive(self) -> None:
        """Raise `Problem` when a child has ended: while starting nothing is restarted."""
        for watched in self._watched:
            if watched.running and not watched.running.alive():
                raise Problem(f"{watched.child.name} ended while starting ({watched.running.end()})")

    def tick(self, seconds: float) -> None:
        """Pause, then restart what has ended; `Problem` when something essential has to be given up."""
        self._pause(seconds)
        now = time.monotonic()
        for watched in self._watched:
            if watched.running and not watched.running.alive():
                self._schedule_restart(watched, watched.running, now)
            elif watched.restart_at is not None and now >= watched.restart_at:
                watched.restart_at = None
                watched.running = Running(watched.child)
                self._record.add(watched.running)

    def stop_all(self) -> None:
        """Stop everything in the reverse order of groups: programs together, then each service by itself.

        A service is what had to serve before the next could start; the last one started stops first.
        """
        running = [watched.running for watched in self._watched if watched.running]
        programs = [one for one in running if not one.child.service]
        for program in programs:
            program.ask_to_stop()
        asked = time.monotonic()
        for program in programs:
            program.wait_or_kill(asked + program.child.patience)
        for service in reversed([one for one in running if one.child.service]):
            service.stop()
        self._watched.clear()

    def _marked(self, child: Child) -> Child:
        return replace(child, environment={**child.environment, RUN_VARIABLE: self._record.run})

    def _schedule_restart(self, watched: _Watched, ended: Running, now: float) -> None:
        ended.wait_or_kill(now)  # what the program had started itself would stand in the next one's way
        watched.running = None
        if now - ended.started > _STEADY:
            watched.restarts = 0
        said = f"{watched.child.name} ended ({ended.end()})"
        if watched.restarts < len(self._backoff):
            delay = self._backoff[watched.restarts]
            watched.restarts += 1
            watched.restart_at = now + delay
            say(f"{said}; restart {watched.restarts} of {len(self._backoff)} in {delay:g} s.", error=True)
        elif watched.child.essential:
            raise Problem(f"{said}; given up after {watched.restarts} restarts, so everything stops")
        else:
            say(f"{said}; given up after {watched.restarts} restarts, the rest keeps running.", error=True)


class StopSignals:
    """SIGINT, SIGTERM and SIGHUP as a question asked between two steps, so that nothing is left half-done.

    A terminal that is gone counts as SIGHUP: the kernel tells only the leader of its session, and `make` as
    that leader (`ssh -t host make run`) waits for us without passing it on.
    """

    def __init__(self) -> None:
        self._came = False
        self._terminal = select.poll()

    def install(self) -> None:
        """Take the signals over. An ignored SIGHUP stays ignored: that is what nohup asks for."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_signal)
            for descriptor in (0, 1, 2):
                if os.isatty(descriptor):
                    self._terminal.register(descriptor, 0)  # nothing but its end

    def pause(self, seconds: float) -> None:
        """Sleep; raise `StopRequested` when a signal has come."""
        if not self._came and self._terminal.poll(seconds * 1000):
            self._came = True
        if self._came:
            raise StopRequested

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._came = True


class StopRequested(Exception):
    """A signal asked for an orderly end."""


def say(text: str, *, error: bool = False) -> None:
    """Print one line; a terminal that has been closed must not keep us from stopping."""
    stream = sys.stderr if error else sys.stdout
    try:
        print(text, file=stream, flush=True)
    except OSError:
        # what stays in the buffer would fail again when Python exits, and make the status 120
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
