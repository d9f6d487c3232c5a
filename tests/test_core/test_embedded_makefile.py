"""`make` on a machine that lacks something says what, in one line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The Makefile and a lock in a folder of their own, with a space in its path."""
    folder = tmp_path / "my clone"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.lock", "requirements-dev.lock"):
        (folder / name).write_text("nothing==1.0\n")
    return folder


def make(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run make as from a shell: what an outer `make test BROWSER=0` hands down does not reach it."""
    handed_down = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PORT", "DEMO", "BROWSER", "PYTHON"}
    run = subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in handed_down},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    said = [line for line in (run.stdout + run.stderr).splitlines() if not line.startswith("make: ***")]
    return run.returncode, "\n".join(said)


def python(folder: Path, body: str) -> str:
    """A stand-in for an interpreter that is not as it should be."""
    program = folder / "a python"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return f"PYTHON={program}"


def test_python_is_missing(clone: Path) -> None:
    for named in ("PYTHON=no-such-python", python(clone, "exit 1")):
        status, said = make(clone, "run", named)
        assert status != 0
        assert said == (
            "Python 3.11 was not found: apt install python3.11 python3.11-venv, "
            "or name it with PYTHON=/path/to/python3.11"
        )
    assert not (clone / ".venv").exists()


def test_the_venv_module_is_missing(clone: Path) -> None:
    body = f'case "$*" in *ensurepip*) exit 1 ;; *) exec "{sys.executable}" "$@" ;; esac'
    status, said = make(clone, "run", python(clone, body))
    assert status != 0
    assert said.startswith("The venv module of ")
    assert said.endswith(" is missing: apt install python3.11-venv")
    assert "\n" not in said
    assert not (clone / ".venv").exists()


def installed(folder: Path, lock: str) -> None:
    """.venv as `make` leaves it, with an interpreter that says how it was called."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text('#!/bin/sh\necho "$*"\n')
    (programs / "python").chmod(0o755)
    (folder / ".venv" / f"{lock}.installed").write_text(f"{folder}\nnothing==1.0\n")


def test_an_installed_lock_is_not_installed_again_and_arguments_arrive(clone: Path) -> None:
    installed(clone, "requirements.lock")
    run = "-m countersign.embedded run --port"
    assert make(clone, "run", "PYTHON=no-such-python") == (0, f"{run} 8000")
    assert make(clone, "run", "PORT=9000", "DEMO=0", "PYTHON=no-such-python") == (0, f"{run} 9000 --no-demo")
    (clone / "requirements.lock").write_text("nothing==2.0\n")
    assert make(clone, "run", "PYTHON=no-such-python")[0] != 0


def test_without_a_browser_the_browser_tests_are_not_skipped_in_silence(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(clone, "requirements-dev.lock")
    bare = tmp_path / "bin"  # a system with neither Chromium nor apt-get
    bare.mkdir()
    for name in ("make", "sh", "cat", "cmp", "id"):
        (bare / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(bare))
    status, said = make(clone, "test")
    assert status != 0
    assert said == ("The browser tests need Chromium: apt install chromium, or leave them out with BROWSER=0")
    status, said = make(clone, "test", "BROWSER=0")
    assert (status, said) == (0, "manage.py check\n-m pytest -n 2 --dist loadgroup -q --ignore=tests/browser")
