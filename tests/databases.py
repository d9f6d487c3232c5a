"""A database for each test process, cloned from a template that was migrated once as the owner.

Tests run as the serving role, so a missing or too wide grant shows. A test that commits gets a fresh clone
afterwards: flushing would need TRUNCATE, which the ledger's triggers refuse, and they get no bypass.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent


def url_of(base: str, name: str) -> str:
    """The same server and role, another database."""
    parts = urlsplit(base)
    return urlunsplit(parts._replace(path=f"/{name}"))


def owner(name: str = "postgres") -> psycopg.Connection:
    """A connection of the owning role, outside any transaction."""
    return psycopg.connect(url_of(os.environ["DATABASE_OWNER_URL"], name), autocommit=True)


def make_template(run: str) -> str:
    """Migrate the template of this test run, once whichever process comes first; returns its name."""
    name = f"tpl_{run}"
    with (Path(tempfile.gettempdir()) / f"countersign-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with owner() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return name
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        environment = os.environ | {
            "DATABASE_URL": url_of(os.environ["DATABASE_URL"], name),
            "DATABASE_OWNER_URL": url_of(os.environ["DATABASE_OWNER_URL"], name),
            "DJANGO_SETTINGS_MODULE": "countersign.settings",
        }
        migrated = subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        if migrated.returncode:
            with owner() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            raise RuntimeError(f"the template could not be migrated:\n{migrated.stdout}{migrated.stderr}")
    return name


def clone(template: str, name: str) -> None:
    """Replace the database `name` by a fresh copy of the template."""
    with owner() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )


def drop(name: str) -> None:
    """Remove a database whatever is connected to it."""
    with owner() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
