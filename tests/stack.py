"""The real thing for tests: granian and Celery on a database, a Redis number and a home of their own, as the plain
serving role. What a test kills, it starts again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests import databases
from tests.databases import ROOT

KEY = "c3RhY2tzdGFja3N0YWNrc3RhY2tzdGFja3N0YWNrc3Q="
EXPORT_KEY = "ZXhwb3J0ZXhwb3J0ZXhwb3J0ZXhwb3J0ZXhwb3J0ZXg="


def until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """What `condition` gives once it is true. Raises AssertionError after so many seconds."""
    deadline = time.monotonic() + seconds
    pause = 0.05
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        with suppress(InterruptedError):
            signal.sigtimedwait([], pause)
    return found


MODEL = "credit-default"
"""The model of the demonstration."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the demonstration printed, and who can sign in with what."""

    text: str
    passwords: dict[str, str]
    bundle: Path


class Stack:
    """A running instance; `url` answers, `home` holds its files and logs."""

    def __init__(self, name: str, template: str, redis_number: int, folder: Path) -> None:
        self.name, self.home = name, folder
        databases.clone(template, name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        redis = os.environ["REDIS_URL"].split("?")[0]
        redis_url = (
            f"{redis}?db={redis_number}"
            if redis.startswith("unix")
            else f"{redis.rsplit('/', 1)[0]}/{redis_number}"
        )
        self.environment = {
            **{
                key: value
                for key, value in os.environ.items()
                if not key.startswith(("COUNTERSIGN_", "DJANGO_", "DATABASE_"))
            },
            "DATABASE_URL": databases.url_of(os.environ["DATABASE_URL"], name),
            "REDIS_URL": redis_url,
            "COUNTERSIGN_HOME": str(folder),
            "COUNTERSIGN_SECRET_KEY": "stack-" + os.urandom(16).hex(),
            "COUNTERSIGN_PUBLIC_URL": self.url,
            "COUNTERSIGN_LEDGER_KEY": KEY,
            "COUNTERSIGN_EXPORT_KEY": EXPORT_KEY,
            "COUNTERSIGN_JOB_LEASE_SECONDS": "4",
            "PYTHONUNBUFFERED": "1",
        }
        self.manage("collectstatic", "--noinput", "-v0")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.administrator = json.loads(self.manage("bootstrap", "--json"))

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a management command; its standard output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        """Start whatever does not run, and wait until /readyz says yes."""
        for name in ("web", "worker", "beat"):
            if name not in self._processes:
                self.start_one(name)
        until(self.ready, seconds=60, what=f"{self.url}/readyz (logs in {self.home})")

    def ready(self) -> bool:
        """Whether /readyz says yes now."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def start_one(self, name: str) -> None:
        """Start web, worker or beat."""
        command = {
            "web": [
                *(sys.executable, "-m", "granian", "--interface", "wsgi", "countersign.wsgi:application"),
                *(
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(self.port),
                    "--workers",
                    "1",
                    "--blocking-threads",
                    "4",
                ),
            ],
            "worker": [
                *(sys.executable, "-m", "celery", "-A", "countersign.celery", "worker"),
                *("-Q", "core,evaluation", "-c", "2", "-n", f"{self.name}@%h"),
            ],
            "beat": [
                *(sys.executable, "-m", "celery", "-A", "countersign.celery", "beat"),
                *("-s", str(self.home / "beat"), "--pidfile="),
            ],
        }[name]
        with (self.home / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self.environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, name: str) -> str:
        """What web, worker or beat has logged so far."""
        return (self.home / f"{name}.log").read_text(errors="replace")

    def peak_memory(self, name: str) -> int:
        """The most bytes web, worker or beat and its child processes ever held."""
        pid = self._processes[name].pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        lines = (Path(f"/proc/{one}/status").read_text() for one in (str(pid), *children))
        return sum(int(text.split("VmHWM:")[1].split()[0]) * 1024 for text in lines)

    def kill(self, name: str) -> None:
        """SIGKILL a process and all it started, as a power cut would."""
        process = self._processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End everything and remove the database."""
        for name in list(self._processes):
            self.kill(name)
        databases.drop(self.name)

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """Run a statement as the owner, past the application."""
        with databases.owner(self.name) as connection:
            cursor = connection.execute(statement, parameters)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def token(self, holder: str, *scopes: str) -> str:
        """A fresh API token of a person, or of a service account as TEAM/NAME."""
        wanted = [argument for scope in scopes for argument in ("--scope", scope)]
        return self.manage("create_token", holder, *wanted).strip()

    def client(self, token: str) -> httpx.Client:
        """An HTTP client that sends the token."""
        return httpx.Client(
            base_url=f"{self.url}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def broker_empty(self) -> None:
        """Throw away everything the broker holds."""
        import redis

        with redis.Redis.from_url(self.environment["REDIS_URL"]) as client:
            client.flushdb()

    def job(self, job: str) -> dict[str, Any]:
        """The row of a job."""
        with psycopg.connect(databases.url_of(os.environ["DATABASE_OWNER_URL"], self.name)) as connection:
            cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
            row = cursor.execute("SELECT * FROM jobs_job WHERE id = %s", [job]).fetchone()
            assert row is not None
            return row


@contextmanager
def running_stack(template: str, name: str, redis_number: int) -> Iterator[Stack]:
    """A started stack for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="countersign-stack-") as folder:
        stack = Stack(name, template, redis_number, Path(folder))
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()
