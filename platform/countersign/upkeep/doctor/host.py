"""The machine: room on the disks, open files, time zone, whether somebody keeps the clock."""

from __future__ import annotations

import ctypes
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from countersign.blobs.storage import RESERVE
from countersign.upkeep.doctor.findings import Finding, missing, ok, weak

ROOM = 5 * 1024**3
OPEN_FILES = 1024
_TIMEX_BYTES = 256
"""More than `struct timex` takes on any platform."""
_TIME_ERROR = 5


def examine() -> Iterator[Finding]:
    """Findings about this host, as this process sees it."""
    places = {"COUNTERSIGN_HOME": Path(settings.COUNTERSIGN_HOME)}
    places["the blobs"] = Path(urlsplit(settings.STORAGE_URL).path)
    for name, path in places.items():
        yield _room(name, path)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        yield weak(
            "Open files",
            f"at most {soft}",
            why="Under load connections are refused.",
            do=f"Raise the limit: ulimit -n {OPEN_FILES * 4}, or LimitNOFILE= in the unit.",
        )
    else:
        yield ok("Open files", f"at most {soft:,}")
    if time.localtime().tm_gmtoff:
        yield weak(
            "Time zone",
            f"{time.tzname[0]}, not UTC",
            why="Countersign writes UTC everywhere; cron and the logs of others on this host do not.",
            do="Set the host to UTC: timedatectl set-timezone Etc/UTC, or TZ=UTC.",
        )
    else:
        yield ok("Time zone", "UTC")
    yield _kept_clock()


def _room(name: str, path: Path) -> Finding:
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    seen = f"{free / 1024**3:.1f} GiB free for {name} ({path})"
    if free < RESERVE:
        return missing(
            "Disk",
            seen,
            why="Uploads are refused with 507; PostgreSQL stops if its disk fills.",
            do="Make room.",
        )
    if free < ROOM:
        return weak(
            "Disk",
            seen,
            why="It may fill up before anybody looks again.",
            do="Make room, or move it to a larger disk.",
        )
    return ok("Disk", seen)


def _kept_clock() -> Finding:
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) if sys.platform == "linux" else -1
    if state == _TIME_ERROR:
        return weak(
            "Clock",
            "the kernel says that nobody keeps it in step",
            why="Signatures, role ends and leases carry its time; it may drift or jump.",
            do="Run chrony or systemd-timesyncd on this host (on the host of a container).",
        )
    return ok("Clock", "kept in step" if state >= 0 else "the kernel does not say whether it is kept")
