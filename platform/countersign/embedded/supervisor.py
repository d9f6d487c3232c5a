"""The supervisor of `make run`: starts everything in order, keeps it running, stops all of it."""

import secrets
import shutil
import time
from pathlib import Path

import psycopg
import redis

from countersign import env
from countersign.embedded.home import Home
from countersign.embedded.network import local_url, require_free, status
from countersign.embedded.plan import Connections, Plan, Planner
from countersign.embedded.postgres import OWNER, SERVING, Postgres
from countersign.embedded.problems import Problem
from countersign.embedded.processes import Child
from countersign.embedded.record import Record, reap
from countersign.embedded.redis import Redis, ping
from countersign.embedded.sockets import make_socket_folder
from countersign.embedded.unprivileged import MAJOR, place
from countersign.embedded.watch import StopRequested, StopSignals, Watch, say

BACKOFF = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each restart in a row of a child that keeps ending."""

_READY_WITHIN = 180.0


class Supervisor:
    """The embedded default on one home and one address. Use it from the main thread."""

    def __init__(
        self,
        *,
        home: Path,
        host: str,
        port: int,
        planner: Planner,
        demo: bool = True,
        backoff: tuple[float, ...] = BACKOFF,
    ) -> None:
        """Nothing starts here. `planner` says which programs run, `backoff` how patiently they restart."""
        self._path = home
        self._host = host
        self._port = port
        self._url = local_url(host, port)
        self._planner = planner
        self._demo = demo
        self._backoff = backoff
        self._signals = StopSignals()

    def run(self) -> int:
        """Start, watch until a signal comes, stop. The exit status: 0 after a signal, 1 after a problem."""
        self._signals.install()
        try:
            home = self._open_home()
            sockets = make_socket_folder()
            try:
                self._serve(home, sockets)
            finally:
                shutil.rmtree(sockets, ignore_errors=True)
        except StopRequested:
            return 0
        except (Problem, env.WrongSetting) as problem:
            say(f"Countersign: {problem}", error=True)
        except (OSError, psycopg.Error) as error:  # a disk that fills up, a server that gives up half-way
            say(f"Countersign: {' '.join(str(error).split())} (logs: {self._path / 'logs'})", error=True)
        return 1

    def _open_home(self) -> Home:
        """Lock the home, end what a killed predecessor left, check address, room and secrets."""
        home = Home(self._path)
        home.lock(self._url)
        if ended := reap(home.record):
            say(f"An earlier run was killed; ended {ended} process{'es' * (ended > 1)} it left behind.")
        require_free(self._host, self._port)
        home.check_room()
        home.ensure_secrets()
        return home

    def _serve(self, home: Home, sockets: Path) -> None:
        """Everything between the first child's start and the last one's end; ends by raising."""
        begun = time.monotonic()
        record = Record(home.record, sockets)
        watch = Watch(record=record, pause=self._signals.pause, backoff=self._backoff)
        try:
            plan = self._start(home, sockets, watch)
            say(f"Countersign is ready at {self._url} after {time.monotonic() - begun:.1f} s.")
            if plan.demo and self._demo and not home.demo_done.exists():
                self._run_demo(plan.demo, home, watch)
            say(f"Countersign runs at {self._url} with {home.path}. Ctrl-C stops it.")
            while True:
                watch.tick(0.25)
        except StopRequested:
            say("Stopping.")
            raise
        finally:
            watch.stop_all()
            home.environment_file.unlink(missing_ok=True)
            record.close()

    def _start(self, home: Home, sockets: Path, watch: Watch) -> Plan:
        """Bring everything up, in order, one line each. Raises `Problem` or `StopRequested`."""
        database_url, owner_url = self._start_postgres(home, sockets, watch)
        redis_url = self._start_redis(home, sockets, watch)
        plan = self._planner(home, self._host, self._port, Connections(database_url, owner_url, redis_url))
        home.write_environment(plan.variables)
        for step in plan.steps:
            began = time.monotonic()
            watch.run_to_end(step)
            _report(step.name, "done", began)
        began = time.monotonic()
        for child in plan.children:
            watch.start(child, wait=False)
        self._wait_until_ready(plan, watch)
        _report(", ".join(child.name for child in plan.children), "ready", began)
        return plan

    def _start_postgres(self, home: Home, sockets: Path, watch: Watch) -> tuple[str, str]:
        """Start PostgreSQL, unless DATABASE_URL names one; the URLs of the serving role and of the owner."""
        began = time.monotonic()
        if database_url := env.text("DATABASE_URL", ""):
            owner_url = env.text("DATABASE_OWNER_URL", database_url)
            _require_database("DATABASE_URL", database_url)
            _require_database("DATABASE_OWNER_URL", owner_url)
            _report("PostgreSQL", "of DATABASE_URL", began)
            return database_url, owner_url
        postgres = Postgres(
            placement=place(home.data),
            sockets=sockets,
            log=home.logs / "postgresql.log",
            passwords=home.passwords(),
        )
        result = "new data folder" if postgres.is_new else "ready"
        watch.start(postgres.child(), wait=True)
        postgres.set_up()
        _report(f"PostgreSQL {MAJOR}", result, began)
        return postgres.url(SERVING), postgres.url(OWNER)

    def _start_redis(self, home: Home, sockets: Path, watch: Watch) -> str:
        """Start Redis, unless REDIS_URL names one; its URL."""
        began = time.monotonic()
        if redis_url := env.text("REDIS_URL", ""):
            _require_redis(redis_url)
            _report("Redis", "of REDIS_URL", began)
            return redis_url
        server = Redis(sockets=sockets, log=home.logs / "redis.log", password=secrets.token_hex(24))
        watch.start(server.child(), wait=True)
        _report(f"Redis {server.version}", "ready", began)
        return server.url()

    def _wait_until_ready(self, plan: Plan, watch: Watch) -> None:
        """Wait for 200; a child that ends meanwhile, or no such answer in time, is a `Problem`."""
        deadline = time.monotonic() + _READY_WITHIN
        while (answer := status(self._host, self._port, plan.ready_path)) != 200:
            watch.require_all_alive()
            if time.monotonic() > deadline:
                raise Problem(
                    f"the service did not become ready in {_READY_WITHIN:.0f} s: "
                    f"{self._url}{plan.ready_path} says {answer or 'nothing'} (logs: {self._path / 'logs'})"
                )
            self._signals.pause(0.1)

    def _run_demo(self, demo: Child, home: Home, watch: Watch) -> None:
        """Run the demonstration while watching the rest; when it fails the service stays up."""
        began = time.monotonic()
        try:
            watch.run_to_end(demo)
        except Problem as problem:
            say(f"{problem}; it is tried again at the next start.", error=True)
        else:
            home.demo_done.touch(mode=0o600)
            _report("demo", "done", began)


def _require_database(variable: str, url: str) -> None:
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.Error as error:
        raise Problem(
            f"the database of {variable} does not answer: {' '.join(str(error).split())}; "
            "unset the variable to use the embedded PostgreSQL"
        ) from error


def _require_redis(url: str) -> None:
    try:
        ping(url)
    except (redis.RedisError, ValueError) as error:
        raise Problem(
            f"the Redis of REDIS_URL does not answer: {error}; unset the variable to use the embedded Redis"
        ) from error


def _report(name: str, result: str, began: float) -> None:
    """One tidy line for a step: its name, how it went, how long it took since monotonic `began`."""
    say(f"  {name:<46} {result:<18} {time.monotonic() - began:6.1f} s")
