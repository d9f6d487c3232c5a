"""The hostile corpus at every level this host offers, as root and as an ordinary user.

58 attacks, those of the research the sandbox was built on: most of them in one process that tries them one after
another, the ones that end a process in processes of their own. What answers wrongly, whatever its
level, is in `test_hostile`.
"""

import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from . import endings, programs
from .targets import IDENTITIES, Targets, laid_out, levels, run_worker

CELLS = [(identity, level) for identity in IDENTITIES for level in levels(identity)]

_READING = {
    "key_file",
    "key_folder",
    "labels_file",
    "other_features",
    "passwords",
    "resolve",
    "other_processes",
}
# Of another process of the same user. Root's models run without its capabilities, and so may not.
_READING_USER = {"other_environment", "any_environment"}
_NETWORK = {"postgresql", "redis", "unix_socket", "abstract_socket", "tcp", "udp", "netlink"}
_STARTING = {"fork", "fork_bomb", "daemon", "run_program", "posix_spawn", "execute", "shell"}
_WRITING = {
    "write_open_folder",
    "write_library",
    "change_mode",
    "change_times",
    "rename",
    "symlink",
    "hard_link",
    "folder",
    "truncate",
}
_OTHERS = {"kill_worker", "kill_parent", "kill_all", "limit_other", "signal_by_owner"}
# Looking into a process that is no child takes a kernel that allows it to everybody, as most do.
_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
_MAY_TRACE = not _YAMA.exists() or _YAMA.read_text().strip() == "0"
_KERNEL = {"kernel_calls", "shared_memory"}


def let_through(identity: str, level: int) -> set[str]:
    """What succeeds at a level: at 2 nothing but seeing that a path exists, at 3 not even that."""
    through = {"stat_path"} if level < 3 else set()
    may_trace = identity == "user" and _MAY_TRACE
    if level < 2:
        through |= _READING
        through |= _READING_USER if identity == "user" else set()
        through |= {"other_memory"} if may_trace else set()
    if level < 1:
        through |= _NETWORK | _STARTING | _WRITING | _OTHERS | _KERNEL
        through |= {"trace", "read_memory"} if may_trace else set()
    return through


@dataclass
class Cell:
    """One identity at one level: what came of the attacks, and of each model that ends."""

    identity: str
    level: int
    targets: Targets
    told: dict[str, Any]

    @property
    def attacks(self) -> dict[str, Any]:
        """The run of the model that tries everything."""
        return dict(self.told["attacks"])

    @property
    def results(self) -> dict[str, str]:
        """Attack to what came of it."""
        return programs.outcomes(self.attacks["log"])

    def calls(self) -> dict[str, dict[str, int]]:
        """Kind to the refused calls."""
        return {attempt["kind"]: attempt["calls"] for attempt in self.attacks["attempts"]}


# Bodies that end, or have to be ended: limits, code and sentence.
ENDINGS: dict[str, tuple[str, dict[str, float], str, str]] = {
    "sleeps": (endings.SLEEPS, {"wall_seconds": 1}, "out_of_time", "did not finish within 1 seconds"),
    "busy": (endings.BUSY, {"cpu_seconds": 1}, "out_of_cpu", "used more processor time than allowed (1 s)"),
    "fault": (endings.SEGMENTATION_FAULT, {}, "crashed", "crashed (segmentation fault)"),
    "abort": (endings.ABORT, {}, "crashed", "crashed (abort)"),
    "foreign": (endings.FOREIGN_CALL, {}, "forbidden", "The model made a forbidden system call"),
}


@pytest.fixture(scope="module", params=CELLS, ids=lambda cell: f"{cell[0]}-{cell[1]}")
def cell(request: pytest.FixtureRequest) -> Iterator[Cell]:
    """A worker as one identity that runs the corpus at one level."""
    identity, level = request.param
    with laid_out(identity) as targets:
        asked = {
            "folder": str(targets.folder),
            "level": level,
            "aims": targets.aims,
            "endings": [{"body": body, "limits": limits} for body, limits, _, _ in ENDINGS.values()],
        }
        yield Cell(identity, level, targets, json.loads(run_worker(identity, json.dumps(asked))))


def test_what_gets_out_is_what_the_level_says(cell: Cell) -> None:
    results = cell.results
    assert len(results) == 55
    assert {name for name, result in results.items() if result == "succeeded"} == let_through(
        cell.identity, cell.level
    )
    assert cell.attacks["isolation"]["level"] == cell.level
    assert cell.told["detected"]["level"] == levels(cell.identity)[0]
    assert cell.told["sandboxed"] == []
    assert cell.told["decoy_lives"] == (cell.level > 0)
    if cell.level:
        cell.targets.nothing_happened()
        assert cell.attacks["strays"] == 0


def test_the_evidence_says_what_was_tried_although_the_model_swallowed_it(cell: Cell) -> None:
    assert cell.attacks["isolation"]["notification"] == (cell.level > 0)
    if cell.level == 0:
        assert cell.attacks["attempts"] == []
        return
    whats = {attempt["what"] for attempt in cell.attacks["attempts"]}
    assert whats == {
        "tried to open a network connection",
        "tried to start a program",
        "tried to start a process",
        "tried to end another process",
        "tried to inspect another process",
        "tried to write a file",
        "tried to use memory that is not counted",
        "tried to change its limits",
        "tried to become another user",
        "made a forbidden system call",
    }
    calls = cell.calls()
    assert calls["network"]["socket"] >= len(_NETWORK)
    # The bomb's sixty, and the four others that fork: one of them Python itself, when it may not vfork.
    assert sum(calls["process"].values()) == 60 + 4
    # Where the new process was to become a program, the call says so: vfork, clone with its flag, execve.
    assert sum(calls["program"].values()) == 4
    assert calls["signal"] == {"fcntl": 1, "kill": 3}
    assert calls["inspect"] == {"process_vm_readv": 1, "ptrace": 1}
    assert calls["memory"] == {"memfd_create": 1, "shmget": 1}
    assert calls["limits"] == {"prlimit64": 2}
    assert calls["user"] == {"setresuid": 1}
    assert len(calls["forbidden"]) == 17
    assert all(attempt["count"] == sum(attempt["calls"].values()) for attempt in cell.attacks["attempts"])
    # Six places to fill, one to create a file in, one library to change; and, where the supervisor's descriptors can
    # be listed, each of those.
    assert calls["write"]["openat"] == 8 if cell.level > 1 else calls["write"]["openat"] >= 8


def test_a_model_that_ends_or_has_to_be_ended_is_told_in_the_right_words(cell: Cell) -> None:
    for (name, (_, _, code, message)), told in zip(ENDINGS.items(), cell.told["endings"], strict=True):
        if name == "foreign" and platform.machine() != "x86_64":
            code, message = "crashed", "illegal instruction"
        elif name == "foreign" and cell.level == 0:
            # A kernel without the 32-bit calls has nothing there to listen, and the instruction is a fault.
            assert told["code"] in ("", "crashed")
            continue
        assert (name, told["code"]) == (name, code)
        assert message in told["message"]
