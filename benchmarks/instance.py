"""An instance of its own for the benchmarks: what `make run` starts, in a folder that is removed afterwards."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 600

_WITHOUT_LIMITS = {"COUNTERSIGN_RATE_REQUESTS": "1000000", "COUNTERSIGN_RATE_UPLOADS": "1000000"}
_NOT_OURS = ("DATABASE_", "REDIS_", "COUNTERSIGN_", "STORAGE_", "DJANGO_")


@contextmanager
def running() -> Iterator[str]:
    """The URL of a started instance that went through the demonstration; this process' environment then names its
    database, home and keys, as a worker's does. Raises RuntimeError when it does not start."""
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        home = Path(folder) / "home"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        own = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
        log = Path(folder) / "run.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "countersign.embedded", "run", "--port", str(port)],
                cwd=ROOT,
                env=own | {"COUNTERSIGN_HOME": str(home)} | _WITHOUT_LIMITS,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait(process, log, f"http://127.0.0.1:{port}")
            _adopt(home)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path, url: str) -> None:
    """Until the demonstration has ended and the instance answers."""
    deadline = time.monotonic() + START_SECONDS
    while "Ctrl-C stops it" not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the instance did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.5)
    with urllib.request.urlopen(f"{url}/readyz", timeout=30):  # noqa: S310 - a loopback address of ours
        pass


def _adopt(home: Path) -> None:
    """Take over the variables of a command by hand, and the key with which the worker seals."""
    for line in (home / "env").read_text().splitlines():
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            os.environ[name] = shlex.split(value)[0] if value else ""
    os.environ.pop("DATABASE_OWNER_URL", None)  # measured as the service itself does it
    os.environ["COUNTERSIGN_LEDGER_KEY_FILE"] = str(home / "keys" / "ledger.key")
    os.environ["DJANGO_SETTINGS_MODULE"] = "countersign.settings"
