"""What a supervisor started, on disk, so that its successor can end what a `kill -9` left behind."""

import json
import shutil
import signal
import time
import uuid
from pathlib import Path

from countersign.embedded.home import write_private
from countersign.embedded.processes import (
    RUN_VARIABLE,
    Running,
    environment_holds,
    identify,
    kill_session,
    processes,
    signal_process,
)

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Record:
    """The children of one run and the socket folder it made."""

    def __init__(self, path: Path, sockets: Path) -> None:
        """Begin a record at `path`; `run` is the id every child carries in COUNTERSIGN_RUN."""
        self.run = uuid.uuid4().hex
        self._path = path
        self._sockets = sockets
        self._children: dict[str, dict[str, object]] = {}
        self._write()

    def add(self, running: Running) -> None:
        """Note a started child; one that has ended already is not worth noting."""
        if process := identify(running.pid):
            self._children[running.child.name] = {
                "pid": process.pid,
                "started": process.started,
                "signal": int(running.child.stop_signal),
                "patience": running.child.patience,
            }
            self._write()

    def close(self) -> None:
        """Everything has been stopped: nothing to find any more."""
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        content = {
            "boot": _boot(),
            "run": self.run,
            "sockets": str(self._sockets),
            "children": self._children,
        }
        write_private(self._path, json.dumps(content))


def reap(path: Path) -> int:
    """End whatever the run recorded at `path` left behind, then forget it; how many processes that took.

    Each recorded child that is still the same process gets its own stop signal and time; then every process
    of the recorded sessions, and every one that carries the run's id, is killed. A process that merely got
    a recorded id later is left alone: its start time differs. The caller holds the lock of the home.
    """
    try:
        record = json.loads(path.read_text())
        boot, run, sockets, children = (record[key] for key in ("boot", "run", "sockets", "children"))
    except (OSError, ValueError, TypeError, KeyError):  # none, or one cut short before its first child
        return 0
    ended = 0
    if boot == _boot():
        recorded = {child["pid"]: child for child in children.values()}

        def leaders() -> list[int]:
            alive = {process.pid: process.started for process in processes()}
            return [pid for pid, child in recorded.items() if alive.get(pid) == child["started"]]

        begun = time.monotonic()
        ended += len(waiting := leaders())
        for pid in waiting:
            signal_process(pid, signal.Signals(recorded[pid]["signal"]))
        while waiting := [pid for pid in leaders() if time.monotonic() - begun < recorded[pid]["patience"]]:
            time.sleep(0.02)
        strays = [process for process in processes() if environment_holds(process.pid, RUN_VARIABLE, run)]
        sessions = {process.session for process in strays} | set(leaders())
        ended += len(strays)
        for session in sessions:
            kill_session(session)
    shutil.rmtree(sockets, ignore_errors=True)
    path.unlink(missing_ok=True)
    return ended


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:  # not Linux: process ids cannot be told apart, so nothing is reaped
        return ""
