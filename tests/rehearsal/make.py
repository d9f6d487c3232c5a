"""Make the dump of a released version that migrations are rehearsed with: `python -m tests.rehearsal.make COMMIT NAME`.

Takes that commit's tree out of Git, runs it with its demonstration in a folder of its own, takes away what could
open anything (password hashes, token digests, sessions), and writes `tests/rehearsal/NAME.sql.gz`. About a minute.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shlex
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import psycopg

from countersign.embedded.home import SECRETS, write_private
from countersign.embedded.unprivileged import find_binaries
from tests.databases import ROOT
from tests.stack import EXPORT_KEY, KEY, until

FOLDER = Path(__file__).resolve().parent
KEYS = {"ledger.key": KEY, "export.key": EXPORT_KEY}
"""The log of the dump goes on in a test, so it is signed with the keys of the tests."""

CLEANING = (
    "UPDATE accounts_user SET password = '!', last_login = NULL",
    "UPDATE accounts_apitoken SET digest = encode(sha256(convert_to(id::text, 'UTF8')), 'hex'), hint = 'cs_rehearse'",
    "DELETE FROM django_session",
    "DELETE FROM api_idempotencykey",
)
"""None of it is told by the ledger, so the log still verifies."""


def take_out(commit: str, folder: Path) -> None:
    """Write the tree of `commit` below `folder`."""
    archive = subprocess.Popen(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE)
    with tarfile.open(fileobj=archive.stdout, mode="r|") as tar:
        tar.extractall(folder, filter="data")
    if archive.wait():
        raise SystemExit(f"git archive {commit} failed")


def dumped(tree: Path, home: Path) -> bytes:
    """Run the product at `tree` with its demonstration, clean its database and dump it as plain SQL."""
    keys = home / "keys"
    keys.mkdir(mode=0o700, parents=True)
    for name, make in SECRETS.items():
        write_private(keys / name, KEYS.get(name, make()) + "\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "countersign.embedded", "run", "--port", str(port)],
        cwd=tree,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{tree}:{tree / 'platform'}",
            "COUNTERSIGN_HOME": str(home),
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        until(
            lambda: server.poll() is not None or (home / "demo.done").exists(),
            seconds=300,
            what="the demonstration",
        )
        if server.poll() is not None:
            raise SystemExit(f"the product ended; logs in {home / 'logs'}")
        exports = dict(
            shlex.split(line)[1].split("=", 1)
            for line in (home / "env").read_text().splitlines()
            if line.startswith("export ")
        )
        url = exports["DATABASE_OWNER_URL"]
        with psycopg.connect(url) as connection:
            for statement in CLEANING:
                connection.execute(statement)
        # A comment on an extension may be restored by its owner alone, who is the superuser.
        return subprocess.run(
            [find_binaries() / "pg_dump", "--no-owner", "--no-comments", f"--dbname={url}"],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def main() -> None:
    """Read the command line, write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", help="the released commit")
    parser.add_argument("name", help="the name of the file, without .sql.gz")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="countersign-rehearsal-") as folder:
        tree, home = Path(folder) / "tree", Path(folder) / "home"
        take_out(options.commit, tree)
        content = dumped(tree, home)
    target = FOLDER / f"{options.name}.sql.gz"
    target.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
