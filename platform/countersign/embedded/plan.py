"""What the supervisor runs besides PostgreSQL and Redis, as data: the product's programs and secrets."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from countersign.embedded.home import Home
from countersign.embedded.network import local_url
from countersign.embedded.processes import Child

REPOSITORY = Path(__file__).resolve().parents[3]

_OWN = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "COUNTERSIGN_LEDGER_KEY",
    "COUNTERSIGN_EXPORT_KEY",
)
"""Variables a child gets from its plan or not at all, whatever the supervisor's own environment says."""


@dataclass(frozen=True)
class Connections:
    """Where the data is: as the serving role, as the owner, and the queue."""

    database_url: str
    owner_url: str
    redis_url: str


@dataclass(frozen=True)
class Plan:
    """`steps` run to their end, in order; `children` stay; `demo` runs once the service is ready.

    `variables` are what a command by hand needs.
    """

    steps: tuple[Child, ...]
    children: tuple[Child, ...]
    demo: Child | None
    variables: Mapping[str, str]
    ready_path: str = "/readyz"


Planner = Callable[[Home, str, int, Connections], Plan]
"""Makes the plan for a home, a host, a port and the connections."""


def product(home: Home, host: str, port: int, connections: Connections) -> Plan:
    """The plan of `make run`.

    The signing keys go to the core worker, which seals the ledger and signs exports, and to the bootstrap
    step, which seals the ledger's first entry; to nobody else.
    """
    url = local_url(host, port)
    variables = {
        "DATABASE_URL": connections.database_url,
        "REDIS_URL": connections.redis_url,
        "COUNTERSIGN_HOME": str(home.path),
        "COUNTERSIGN_SECRET_KEY_FILE": str(home.keys / "secret_key"),
        "COUNTERSIGN_PUBLIC_URL": os.environ.get("COUNTERSIGN_PUBLIC_URL", url),
        "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime writes a device id and calls its maker on import
    }
    owner = {"DATABASE_OWNER_URL": connections.owner_url}
    signing = {
        "COUNTERSIGN_LEDGER_KEY_FILE": str(home.keys / "ledger.key"),
        "COUNTERSIGN_EXPORT_KEY_FILE": str(home.keys / "export.key"),
    }
    inherited = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in _OWN}

    def child(
        name: str,
        *arguments: str,
        extra: Mapping[str, str] | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
        shown: bool = False,
        essential: bool = False,
    ) -> Child:
        return Child(
            name=name,
            command=(sys.executable, *arguments),
            environment={**inherited, **variables, **(extra or {}), "PYTHONUNBUFFERED": "1"},
            log=home.logs / f"{name}.log",
            cwd=REPOSITORY,
            death_signal=death_signal,
            shown=shown,
            essential=essential,
        )

    def worker(queue: str, processes: int, extra: Mapping[str, str] | None = None) -> Child:
        return child(
            f"worker-{queue}",
            *("-m", "celery", "-A", "countersign.celery", "worker"),
            *("-Q", queue, "-c", str(processes), "-n", f"{queue}@%h"),
            # A second of greeting other workers, of which nothing is needed: the database says what is due.
            *("--without-mingle", "--without-gossip"),
            extra=extra,
            death_signal=signal.SIGQUIT,  # nobody is left to wait for running jobs, which may run twice
        )

    web = child(
        "web",
        *("-m", "granian", "--interface", "wsgi", "countersign.wsgi:application"),
        *(
            "--host",
            host,
            "--port",
            str(port),
            "--workers",
            "1",
            "--blocking-threads",
            "8",
            "--no-access-log",
        ),
        essential=True,
    )
    beat = child(
        "beat", "-m", "celery", "-A", "countersign.celery", "beat", "-s", str(home.path / "beat-schedule")
    )
    return Plan(
        steps=(
            child("migrate", "manage.py", "migrate", "--noinput", extra=owner),
            child("static-files", "manage.py", "collectstatic", "--noinput", "-v0"),
            child("bootstrap", "manage.py", "bootstrap", extra={**owner, **signing}, shown=True),
        ),
        children=(web, worker("core", 2, signing), worker("evaluation", 1), beat),
        demo=child("demo", "manage.py", "demonstrate", url, shown=True),
        variables={**variables, **owner},
    )
