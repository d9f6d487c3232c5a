"""PostgreSQL and Redis for the tests: started once for the whole run, in the process that controls it.

Loaded with `-p tests.services`, because settings are read before any conftest could start something. What
`DATABASE_URL` or `REDIS_URL` already name is used as it is; workers of pytest-xdist inherit the variables
and start nothing.
"""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from countersign.embedded.postgres import OWNER, SERVING, SUPERUSER, Passwords, Postgres
from countersign.embedded.problems import Problem
from countersign.embedded.processes import Running, start
from countersign.embedded.redis import Redis
from countersign.embedded.sockets import make_socket_folder
from countersign.embedded.unprivileged import place

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Test data need not survive a power cut."""

_PREFIX = "countersign-tests-"


class Services:
    """The running servers and the folders to remove after them."""

    def __init__(self) -> None:
        self._running: list[Running] = []
        self._folders: list[Path] = []

    def start(self) -> None:
        """Start what the environment does not name yet, and name it there. Raises `Problem`."""
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        sockets = make_socket_folder()
        self._folders = [folder, sockets]
        (folder / "sockets").symlink_to(sockets)
        if "DATABASE_URL" not in os.environ:
            postgres = Postgres(
                placement=place(folder / "postgresql-18"),
                sockets=sockets,
                log=folder / "postgresql.log",
                passwords=Passwords.generate(),
                options=FAST,
            )
            self._running.append(start(postgres.child()))
            postgres.set_up()
            with psycopg.connect(postgres.url(SUPERUSER), autocommit=True) as connection:
                # a database is dropped although autovacuum is at work in it
                connection.execute(f"GRANT pg_signal_backend TO {OWNER}")
            os.environ["DATABASE_URL"] = postgres.url(SERVING)
            os.environ["DATABASE_OWNER_URL"] = postgres.url(OWNER)
            os.environ["DATABASE_SUPERUSER_URL"] = postgres.url(SUPERUSER)  # for attackers with every right
        if "REDIS_URL" not in os.environ:
            redis = Redis(sockets=sockets, log=folder / "redis.log", password=Passwords.generate().serving)
            self._running.append(start(redis.child()))
            os.environ["REDIS_URL"] = redis.url()

    def stop(self) -> None:
        """Stop the servers and remove their folders; doing it twice does no harm."""
        while self._running:
            self._running.pop().stop()
        while self._folders:
            shutil.rmtree(self._folders.pop(), ignore_errors=True)


def _remove_leftovers() -> None:
    """Remove the folders of runs that were killed (their servers died with them)."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree((folder / "sockets").resolve(), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start the services before anything reads settings: as a wrapper, ahead of pytest-django's own hook."""
    # The tests start some 200 Python processes: each would compile all of our code anew where no bytecode is kept.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if "DATABASE_URL" in os.environ and "DATABASE_OWNER_URL" not in os.environ:
        raise pytest.UsageError(
            "DATABASE_URL is set: set DATABASE_OWNER_URL too, the tests make databases with it"
        )
    if not {"DATABASE_URL", "REDIS_URL"} <= os.environ.keys():
        _remove_leftovers()
        services = Services()
        early_config.add_cleanup(services.stop)
        atexit.register(services.stop)
        try:
            services.start()
        except Problem as problem:
            services.stop()
            raise pytest.UsageError(str(problem)) from problem
    return (yield)
