"""A supervisor in a process of its own, with small real programs in place of the product's.

Run as a program it reads its plan from a JSON file: HOME PORT PLAN.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.stack import until

PYTHON = sys.executable
STAY = [PYTHON, "-c", "import time; time.sleep(600)"]
STUBBORN_GRANDCHILD = (
    "import subprocess, sys, time;"
    " subprocess.Popen([sys.executable, '-c', 'import signal, time;"
    " signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)']);"
    " time.sleep(600)"
)
"""Leaves a child of its own behind when it is ended, as granian's parent does."""


def free_port() -> int:
    """A port nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], Any], what: str, within: float = 30.0) -> None:
    """Return as soon as `condition` holds; fail with `what` after `within` seconds."""
    until(condition, seconds=within, what=what)


@dataclass
class Supervised:
    """One `Supervisor` at work. Children carry `mark` in their environment.

    Without `embedded` it uses the services of the test run. `web` replaces the web server, `terminal` is the
    descriptor of a terminal to run on instead of writing to `output`, `through` a command that runs it.
    """

    home: Path
    port: int = field(default_factory=free_port)
    steps: Mapping[str, list[str]] = field(default_factory=dict)
    children: Mapping[str, list[str]] = field(default_factory=lambda: {"beat": STAY})
    demo: list[str] | None = None
    backoff: tuple[float, ...] = (0.05, 0.05)
    embedded: bool = False
    web: list[str] | None = None
    terminal: int | None = None
    through: list[str] = field(default_factory=list)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        folder = self.home.parent
        plan = {
            "steps": self.steps,
            "children": self.children,
            "web": self.web,
            "demo": self.demo,
            "backoff": self.backoff,
        }
        (folder / f"{self.mark}.json").write_text(json.dumps(plan))
        self._output = folder / f"{self.mark}.out"
        environment = {
            **os.environ,
            "TEST_MARK": self.mark,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        if self.embedded:
            for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
                environment.pop(name, None)
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*self.through, PYTHON, __file__, self.home, str(self.port), folder / f"{self.mark}.json"],
                env=environment,
                stdin=subprocess.DEVNULL if self.terminal is None else self.terminal,
                stdout=output if self.terminal is None else self.terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=None if self.terminal is None else _take_terminal,
            )

    def __enter__(self) -> "Supervised":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    @property
    def output(self) -> str:
        """Everything printed so far."""
        return self._output.read_text()

    def says(self, text: str) -> None:
        """Wait until `text` has been printed."""
        wait_until(lambda: text in self.output or self.process.poll() is not None, text)
        assert text in self.output, self.output

    def is_up(self) -> "Supervised":
        """Wait until the service is ready and the demonstration done."""
        self.says("Ctrl-C stops it.")
        return self

    def ends(self) -> int:
        """Wait for the end; the exit status."""
        return self.process.wait(30)

    def pids(self) -> set[int]:
        """Every live process started for it that we can tell by its mark."""
        from countersign.embedded.processes import environment_holds, processes

        return {
            one.pid
            for one in processes()
            if one.pid != self.process.pid and environment_holds(one.pid, "TEST_MARK", self.mark)
        }

    def recorded(self) -> dict[str, int]:
        """The recorded children: process id by name."""
        children = json.loads((self.home / "run.json").read_text())["children"]
        return {name: child["pid"] for name, child in children.items()}


def _take_terminal() -> None:
    """Make standard input the controlling terminal of this new session."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def main(home: Path, port: int, plan_file: Path) -> int:
    """Run the supervisor with the plan of `plan_file`."""
    from countersign.embedded.home import Home
    from countersign.embedded.plan import Connections, Plan
    from countersign.embedded.processes import Child
    from countersign.embedded.supervisor import Supervisor

    wanted = json.loads(plan_file.read_text())
    site = home.parent / "site"
    site.mkdir(exist_ok=True)
    (site / "readyz").write_text("ready")

    def planner(home: Home, host: str, port: int, connections: Connections) -> Plan:
        environment = {"PATH": os.environ["PATH"], "TEST_MARK": os.environ["TEST_MARK"]}

        def child(name: str, command: list[str], **more: Any) -> Child:
            return Child(
                name=name,
                command=tuple(command),
                environment={**environment, "DATABASE_URL": connections.database_url},
                log=home.logs / f"{name}.log",
                **more,
            )

        web = wanted["web"] or [
            PYTHON,
            "-m",
            "http.server",
            str(port),
            "--bind",
            host,
            "--directory",
            str(site),
        ]
        return Plan(
            steps=tuple(child(name, command) for name, command in wanted["steps"].items()),
            children=(
                child("web", web, essential=True),
                *(child(name, command) for name, command in wanted["children"].items()),
            ),
            demo=child("demo", wanted["demo"], shown=True) if wanted["demo"] else None,
            variables={
                "DATABASE_URL": connections.database_url,
                "DATABASE_OWNER_URL": connections.owner_url,
                "REDIS_URL": connections.redis_url,
            },
        )

    os.umask(0o077)
    return Supervisor(
        home=home, host="127.0.0.1", port=port, planner=planner, backoff=tuple(wanted["backoff"])
    ).run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
