"""COUNTERSIGN_HOME: the folder of everything the embedded default keeps, with its lock and its secrets."""

import base64
import errno
import fcntl
import os
import secrets
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from countersign.embedded.postgres import Passwords
from countersign.embedded.problems import Problem
from countersign.embedded.unprivileged import FOLDER

FREE_BYTES = 200 * 1024 * 1024
"""Below this a start is refused: PostgreSQL stops in the middle of work when its disk is full."""


def _signing_key() -> str:
    """32 random bytes in base64: the seed of an Ed25519 key."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


SECRETS: Mapping[str, Callable[[], str]] = {
    "secret_key": lambda: secrets.token_urlsafe(50),
    "ledger.key": _signing_key,
    "export.key": _signing_key,
    "postgresql.json": lambda: Passwords.generate().to_json(),
}
"""Each secret file below keys/, and how it is made: one line, 0600."""


class Home:
    """The opened folder. Folders in it are 0700, so that nothing in it is read by others."""

    def __init__(self, path: Path) -> None:
        """Make the folder if need be and take its lock. Raises `Problem` when it cannot be used."""
        self.path = path.absolute()
        self.keys = self.path / "keys"
        self.logs = self.path / "logs"
        self.data = self.path / FOLDER
        self.environment_file = self.path / "env"
        self.record = self.path / "run.json"
        self.demo_done = self.path / "demo.done"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error

    def lock(self, url: str) -> None:
        """Hold the folder until this process ends; `Problem` naming the address when another one holds it."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            where = os.pread(self._lock, 4096, 0).decode() or "an address it has not said yet"
            raise Problem(f"already running at {where} (with {self.path})") from error
        try:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, url.encode(), 0)
        except OSError as error:
            raise self._unusable(error) from error

    def check_room(self) -> None:
        """Raise `Problem` when the disk is about to be full."""
        free = shutil.disk_usage(self.path).free
        if free < FREE_BYTES:
            raise Problem(
                f"only {free // 2**20} MB are free for {self.path}, {FREE_BYTES // 2**20} MB are needed: "
                "make room, or set COUNTERSIGN_HOME to a folder on another disk"
            )

    def ensure_secrets(self) -> None:
        """Make all secrets at the first start, together; later a missing one is a `Problem`, never remade.

        A new ledger key would break the ledger's chain of signatures, new passwords would fit no database.
        """
        if not self.keys.exists():
            if os.path.lexists(self.data):
                raise Problem(f"{self.keys} is missing, but {self.data} is there: restore it from a backup")
            partial = self.keys.with_name("keys.new")
            shutil.rmtree(partial, ignore_errors=True)
            try:
                partial.mkdir(mode=0o700)
                for name, make in SECRETS.items():
                    write_private(partial / name, make() + "\n")
                partial.rename(self.keys)
            except OSError as error:
                raise self._unusable(error) from error
        for name in SECRETS:
            path = self.keys / name
            if not os.access(path, os.R_OK) or path.stat().st_size == 0:
                raise Problem(f"{path} is missing, empty or unreadable: restore it from a backup")

    def passwords(self) -> Passwords:
        """The kept passwords of the database roles. Raises `Problem` when the file is damaged."""
        path = self.keys / "postgresql.json"
        try:
            return Passwords.from_json(path.read_text())
        except (ValueError, TypeError) as error:
            raise Problem(f"{path} is damaged ({error}): restore it from a backup") from error

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Write `variables` where an operator's shell can read them while the system runs."""
        lines = [
            "# For commands by hand while Countersign runs, from its folder, in a shell of their own:",
            f"#   ( . {shlex.quote(str(self.environment_file))}; .venv/bin/python manage.py doctor )",
            "# Holds passwords. Made at every start, removed at every stop. As it stands commands act as the",
            "# owner of the database; `unset DATABASE_OWNER_URL` first to act as the service itself does.",
            *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        ]
        write_private(self.environment_file, "\n".join(lines) + "\n")

    def _unusable(self, error: OSError) -> Problem:
        mend = {
            errno.ENOSPC: "make room, or set COUNTERSIGN_HOME to a folder on another disk",
            errno.EDQUOT: "make room, or set COUNTERSIGN_HOME to a folder on another disk",
        }.get(error.errno or 0, "set COUNTERSIGN_HOME to a folder you may write to")
        return Problem(f"{error.filename or self.path} cannot be written ({error.strerror}): {mend}")


def write_private(path: Path, content: str) -> None:
    """Write a 0600 file whole or not at all."""
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
