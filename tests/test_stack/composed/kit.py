"""What compose.yaml describes, started by hand: its commands, environment, secrets and volumes, on a PostgreSQL and a
Redis of its own that can be stopped. The image is a folder made by the Containerfile's own COPY lines, and the whole
file system is read-only to a service but for its volumes and /tmp, as in its container."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg

from countersign.embedded.postgres import SUPERUSER, Passwords, Postgres
from countersign.embedded.processes import Child, Running, start
from countersign.embedded.redis import find_server
from countersign.embedded.sockets import make_socket_folder
from countersign.embedded.unprivileged import find_binaries, place
from demo.client import Client
from tests.containers.files import SERVICES, image_environment, last_stage
from tests.databases import ROOT
from tests.services import FAST
from tests.stack import until

LASTING = ("web", "worker-core", "worker-evaluation", "beat")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def files(folder: Path) -> set[str]:
    """Every file below a folder, by its path in it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class Composed:
    """The services by their names in compose.yaml; `folder` stands for the host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = folder / "secrets"
        self.app = folder / "app"
        self.volumes = folder / "volumes"
        self.ports = {name: free_port() for name in ("postgres", "redis", "web")}
        self.url = f"http://127.0.0.1:{self.ports['web']}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._servers: dict[str, Running] = {}
        self._make_secrets()
        self._make_image()
        self._sockets = make_socket_folder()
        self._postgres = self._make_postgres()

    def _make_secrets(self) -> None:
        subprocess.run(["sh", ROOT / "platform/containers/make-secrets", self.secrets], check=True)
        for name, host in (("database_url", "postgres"), ("owner_url", "postgres"), ("redis_url", "redis")):
            path = self.secrets / name
            here = f"@127.0.0.1:{self.ports[host]}/"
            content = path.read_text().replace(f"@{host}/", here).replace(f"@{host}:6379/", here)
            assert here in content
            path.chmod(0o600)
            path.write_text(content)

    def secret(self, name: str) -> str:
        """The content of a secret's file."""
        return (self.secrets / name).read_text().strip()

    def _make_image(self) -> None:
        for one in last_stage():
            if one.word == "COPY" and "from" not in one.flags:
                *sources, target = one.words
                for source in sources:
                    there = self.app / (Path(source).name if target == "./" else target)
                    if (ROOT / source).is_dir():
                        shutil.copytree(ROOT / source, there, ignore=shutil.ignore_patterns("__pycache__"))
                    else:
                        there.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copy(ROOT / source, there)
        environment = self.environment("migrate")  # the volume of no service; settings are only read
        self.run_here(["python", "manage.py", "collectstatic", "--noinput", "-v0"], environment)
        self.run_here(["python", "-m", "compileall", "-q", str(self.app)], environment)
        self.made_of = files(self.app)

    def _make_postgres(self) -> Postgres:
        postgres = Postgres(
            placement=place(self.folder / "postgresql-18"),
            sockets=self._sockets,
            log=self.folder / "postgres.log",
            passwords=Passwords(self.secret("postgres_password"), "unused", "unused"),
            options={**FAST, "listen_addresses": "127.0.0.1", "port": str(self.ports["postgres"])},
        )
        return postgres

    def start_postgres(self) -> None:
        """Start the server; the first time, make the roles by the script its container runs."""
        first = self._postgres.is_new
        self._servers["postgres"] = start(self._postgres.child())
        if first:
            script = (ROOT / "platform/containers/make-roles.sh").read_text()
            subprocess.run(
                ["bash", "-c", script.replace("/run/secrets", str(self.secrets))],
                check=True,
                stdout=subprocess.DEVNULL,
                env={
                    "PATH": f"{find_binaries()}:{os.environ['PATH']}",
                    "POSTGRES_USER": SUPERUSER,
                    "PGPASSWORD": self.secret("postgres_password"),
                    "PGHOST": "127.0.0.1",
                    "PGPORT": str(self.ports["postgres"]),
                },
            )

    def start_redis(self) -> None:
        """Start the server by its service's own command line."""
        *shell, script = SERVICES["redis"]["command"]
        script = script.replace("$$", "$").replace("/run/secrets", str(self.secrets))
        programs = self.folder / "redis"
        programs.mkdir(exist_ok=True)
        program = programs / "redis-server"
        if not program.exists():
            program.symlink_to(find_server()[0])
        self._servers["redis"] = start(
            Child(
                name="redis",
                command=(
                    *shell,
                    script.replace("printf '", f"printf 'port {self.ports['redis']}\\nbind 127.0.0.1\\n"),
                ),
                environment={"PATH": f"{programs}:{os.environ['PATH']}"},
                log=self.folder / "redis.log",
                cwd=self._sockets,
                ready=self._redis_answers,
            )
        )

    def _redis_answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.ports["redis"]), 1):
            return True
        return False

    def stop_server(self, name: str, *, at_once: bool = False) -> None:
        """Stop postgres or redis in an orderly way, or kill it."""
        running = self._servers.pop(name)
        if at_once:
            running.wait_or_kill(0)
        else:
            running.stop()

    def environment(self, service: str) -> dict[str, str]:
        """The environment of a service: the image's and its own, with this folder in place of the container's paths."""
        image = image_environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        settings = dict(SERVICES[service]["environment"])
        settings["COUNTERSIGN_PUBLIC_URL"] = self.url
        settings["COUNTERSIGN_JOB_LEASE_SECONDS"] = "4"  # shorter than the default, for the sake of the tests
        found = {
            name: str(value)
            .replace("/run/secrets", str(self.secrets))
            .replace("/var/lib/countersign", str(self.volumes))
            .replace("/app", str(self.app))
            for name, value in (image | settings).items()
        }
        return found | {"COUNTERSIGN_PORT": str(self.ports["web"]), "HOME": "/nonexistent"}

    def command(self, service: str) -> list[str]:
        """The command of a service, on this host's address and paths."""
        swapped = {"0.0.0.0": "127.0.0.1", "8000": str(self.ports["web"])}  # noqa: S104
        return [
            swapped.get(word, word).replace("/var/lib/countersign", str(self.volumes))
            for word in SERVICES[service]["command"]
        ]

    def confined(self, service: str, command: list[str], room: dict[str, str] | None = None) -> list[str]:
        """The command in a mount namespace where only the volumes of the service and /tmp can be written. `room` names
        volumes that are a small disk of so many bytes instead, for this process alone."""
        mounts = []
        for volume in SERVICES[service].get("volumes", []):
            name, target, *mode = volume.split(":")
            path = target.replace("/var/lib/countersign", str(self.volumes))
            Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
            if name in (room or {}):
                mounts.append(f"mount -t tmpfs -o size={(room or {})[name]} tmpfs '{path}'")
            elif mode != ["ro"]:
                mounts.append(f"mount --bind '{path}' '{path}'")
        temporary = self.folder / "tmp" / service
        temporary.mkdir(parents=True, exist_ok=True)
        mounts.append(f"mount --bind '{temporary}' '{temporary}'")
        script = " && ".join([*mounts, "mount -o remount,bind,ro /", 'exec "$@"'])
        namespace = (
            ["unshare", "--mount"]
            if os.geteuid() == 0
            else ["unshare", "--user", "--map-root-user", "--mount"]
        )
        return [*namespace, "sh", "-c", script, "sh", *command]

    def start(self, service: str, *, name: str = "", room: dict[str, str] | None = None) -> None:
        """Start a lasting service in its confinement; a second one of it under another name."""
        name = name or service
        environment = self.environment(service) | {"TMPDIR": str(self.folder / "tmp" / service)}
        command = [word.replace("/beat/schedule", f"/beat/{name}") for word in self.command(service)]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self.confined(service, command, room),
                cwd=self.app,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, service: str) -> None:
        """SIGKILL a service and all it started."""
        process = self._processes.pop(service)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def inside(self, service: str, volume: str) -> Path:
        """A volume as the running service sees it."""
        return Path(f"/proc/{self._processes[service].pid}/root{self.volumes / volume}")

    def run(self, service: str, command: list[str] | None = None, *, status: int = 0) -> str:
        """Run a one-shot service, or another command as it (`docker compose run`), to its end; standard output."""
        environment = self.environment(service) | {"TMPDIR": str(self.folder / "tmp" / service)}
        return self.run_here(
            self.confined(service, command or self.command(service)), environment, status=status
        )

    def run_here(self, command: list[str], environment: dict[str, str], *, status: int = 0) -> str:
        """Run a command of the image on this host; standard output."""
        done = subprocess.run(command, cwd=self.app, env=environment, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def superuser_url(self) -> str:
        """The connection of PostgreSQL's own administrator."""
        return f"postgresql://{SUPERUSER}:{self.secret('postgres_password')}@127.0.0.1:{self.ports['postgres']}/postgres"

    def manage(self, *arguments: str) -> str:
        """A management command with the rights of bootstrap."""
        return self.run("bootstrap", ["python", "manage.py", *arguments])

    def healthy(self, service: str) -> bool:
        """Whether the health check of a service says so."""
        _, *check = SERVICES[service]["healthcheck"]["test"]
        return (
            subprocess.run(check, cwd=self.app, env=self.environment(service), capture_output=True).returncode
            == 0
        )

    def parts(self) -> dict[str, Any]:
        """What /readyz says of each part; empty when nobody answers."""
        with suppress(httpx.TransportError):
            return dict(httpx.get(f"{self.url}/readyz", timeout=5).json()["parts"])
        return {}

    def ready(self) -> bool:
        """Whether /readyz says yes."""
        parts = self.parts()
        return bool(parts) and all(part["ready"] for part in parts.values())

    def up(self) -> None:
        """`docker compose up`: whatever does not run, in the order of depends_on, and ready."""
        if "postgres" not in self._servers:
            self.start_postgres()
        if "redis" not in self._servers:
            self.start_redis()
        for service in LASTING:
            if service not in self._processes:
                self.start(service)
        until(self.ready, seconds=60, what=f"/readyz: {self.parts()} (logs in {self.folder})")

    def down(self) -> None:
        """Stop everything."""
        for service in list(self._processes):
            self.kill(service)
        for name in list(self._servers):
            self.stop_server(name, at_once=True)
        shutil.rmtree(self._sockets, ignore_errors=True)

    def log(self, service: str) -> str:
        """What a service has logged so far."""
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """Run a statement as the owner, past the application."""
        with psycopg.connect(self.secret("owner_url"), autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def client(self, username: str, *scopes: str) -> Client:
        """REST as somebody, with a token of their own."""
        wanted = [argument for scope in scopes for argument in ("--scope", scope)]
        return Client(self.url, token=self.manage("create_token", username, *wanted).strip())


@contextmanager
def composed_stack(folder: Path) -> Iterator[Composed]:
    """Everything up, for as long as the context lasts."""
    stack = Composed(folder)
    try:
        stack.start_postgres()
        stack.start_redis()
        stack.run("migrate")
        stack.run("bootstrap")
        stack.up()
        yield stack
    finally:
        stack.down()
