"""The plugin that starts services for a test run: however pytest is called, and however it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from countersign.embedded.processes import environment_holds, processes
from tests.test_core.embedded_kit import wait_until

USES_BOTH = """
import os
import psycopg, redis

# As settings do: read before any fixture could run.
DATABASE_URL = os.environ["DATABASE_URL"]

def test_serving():
    with psycopg.connect(DATABASE_URL) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("countersign",)
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        assert client.ping()

def test_owner():
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute("CREATE DATABASE made_by_a_test")
"""

WAITS = """
import os, pathlib, time

def test_waiting():
    pathlib.Path(os.environ["STARTED"]).write_text(os.environ["DATABASE_URL"])
    time.sleep(60)
"""


def environment(folder: Path) -> dict[str, str]:
    """A shell that names no services and has its own temporary folder."""
    outside = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"}
    inherited = {
        name: value for name, value in os.environ.items() if name not in outside | {"PYTEST_ADDOPTS"}
    }
    inherited = {name: value for name, value in inherited.items() if not name.startswith("PYTEST_XDIST")}
    (folder / "tmp").mkdir()
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TMPDIR": str(folder / "tmp"),
        "STARTED": str(folder / "started"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # the run around this one shows it works beside pytest-django
    }


def command(folder: Path, source: str) -> list[str]:
    """A pytest run of its own on `source`, with no configuration of ours but the plugin."""
    (folder / "test_inner.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p tests.services -p no:cacheprovider\n")
    return ["-q", "--rootdir", str(folder), "-c", str(folder / "pytest.ini"), str(folder)]


def left_behind(folder: Path) -> list[int]:
    return [one.pid for one in processes() if environment_holds(one.pid, "TMPDIR", str(folder / "tmp"))]


@pytest.mark.parametrize(
    "program",
    [
        [sys.executable, "-m", "pytest"],
        [str(Path(sys.executable).with_name("pytest")), "-p", "xdist", "-n", "2"],
    ],
    ids=["python -m pytest", "pytest -n 2"],
)
def test_services_are_there_and_gone_after(tmp_path: Path, program: list[str]) -> None:
    run = subprocess.run(
        [*program, *command(tmp_path, USES_BOTH)],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in run.stdout, run.stdout + run.stderr
    assert not list((tmp_path / "tmp").glob("c*s*-*")), "a folder was left"
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_services_end_with_the_run(tmp_path: Path, number: signal.Signals) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *command(tmp_path, WAITS)],
        env=environment(tmp_path),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        # a shell starts what it puts in the background with SIGINT ignored, and that is inherited
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    started = tmp_path / "started"
    wait_until(lambda: started.exists() and started.read_text(), "the test runs")
    socket = Path(started.read_text().partition("host=")[2], ".s.PGSQL.5432")
    assert socket.exists()
    run.send_signal(number)
    run.wait(30)
    wait_until(lambda: not socket.exists(), "PostgreSQL has ended")
    assert not left_behind(tmp_path)


def test_what_is_named_from_outside_is_used(tmp_path: Path) -> None:
    variables = environment(tmp_path) | {
        "DATABASE_URL": "postgresql:///x",
        "DATABASE_OWNER_URL": "postgresql:///y",
    }
    source = "import os\ndef test_it():\n    assert os.environ['DATABASE_URL'] == 'postgresql:///x'\n"
    arguments = [sys.executable, "-m", "pytest", *command(tmp_path, source)]
    run = subprocess.run(arguments, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in run.stdout, run.stdout + run.stderr
    del variables["DATABASE_OWNER_URL"]
    run = subprocess.run(arguments, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "set DATABASE_OWNER_URL too" in run.stderr
