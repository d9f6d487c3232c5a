"""What hostile models aim at, all of it real and reachable for the worker, and as whom the worker runs."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from governance.evaluation.sandbox import detect_isolation, host
from governance.evaluation.sandbox.inside import syscalls

ROOT = Path(__file__).parents[3]
USER = 10001
# The halves must not lie side by side in the program that looks for them.
LABEL = ("label-of-row-", "4711-is-one")

# Root runs the worker as root and as an ordinary user; anybody else has only themselves.
IDENTITIES = ("root", "user") if os.geteuid() == 0 else ("user",)


@cache
def prefix(identity: str) -> tuple[str, ...] | None:
    """The command in front of a worker that runs as `identity`; None where it must change its user itself.

    Root becomes an ordinary user without capabilities in a user namespace, in which files stay its own: so the
    worker's secrets belong to the model's own user, which is the harder case.
    """
    if identity == "root" or os.geteuid() != 0:
        return ()
    unshare = ("unshare", "-U", f"--map-user={USER}", f"--map-group={USER}")
    with contextlib.suppress(OSError):
        if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
            return unshare
    return None


def _becoming(identity: str) -> dict[str, Any]:
    return {} if prefix(identity) is not None else {"user": USER, "group": USER, "extra_groups": []}


@cache
def levels(identity: str) -> tuple[int, ...]:
    """The levels at which the corpus is run: this host's highest for `identity`, and every weaker one."""
    bubblewrap = host.bubblewrap_path()
    if bubblewrap is None or detect_isolation().level < 3:
        return (2, 1, 0)
    command = [*(prefix(identity) or ()), bubblewrap, "--unshare-all", "--ro-bind", "/", "/", "true"]
    works = subprocess.run(command, capture_output=True, check=False, **_becoming(identity)).returncode == 0
    return (3, 2, 1, 0) if works else (2, 1, 0)


def run_worker(identity: str, request: str) -> str:
    """What `worker` prints for `request`, run as `identity` with a secret in its environment."""
    done = subprocess.run(
        [*(prefix(identity) or ()), sys.executable, "-m", "tests.test_governance.sandbox.worker"],
        input=request,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "SECRET_TOKEN": "sandbox", "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"},
        check=False,
        **_becoming(identity),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _address(url: str) -> str | list[str | int]:
    """Where the server of a connection URL listens: the path of its socket, or host and port."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host", [""])[0]
    if parts.scheme == "unix":
        return parts.path
    if folder:
        return f"{folder}/.s.PGSQL.{parts.port or 5432}"
    return [parts.hostname or "localhost", parts.port or (6379 if "redis" in parts.scheme else 5432)]


@dataclass
class Targets:
    """A folder with secrets, and listeners nobody may contact."""

    folder: Path
    victim: Path
    unix: socket.socket
    abstract: socket.socket
    tcp: socket.socket
    udp: socket.socket
    aims: dict[str, Any]

    @property
    def secret(self) -> Path:
        """The key file."""
        return Path(self.aims["key"])

    def nothing_happened(self) -> None:
        """Assert that no listener was contacted and nothing was written."""
        for listener in (self.unix, self.abstract, self.tcp, self.udp):
            with pytest.raises(BlockingIOError):
                listener.recv(1) if listener.type == socket.SOCK_DGRAM else listener.accept()
        assert self.victim.read_text() == "intact"
        assert self.victim.stat().st_mode & 0o777 == 0o600
        assert self.victim.stat().st_mtime > 1
        assert sorted(path.name for path in self.victim.parent.iterdir()) == ["victim"]
        assert not Path(tempfile.gettempdir(), "filled-by-a-model").exists()


@contextlib.contextmanager
def laid_out(identity: str = "root") -> Iterator[Targets]:
    """Secrets as the platform keeps them, a world-writable folder, four listeners, and the real two servers."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="countersign-targets-"))
        stack.callback(shutil.rmtree, folder)
        key = folder / "keys" / "ledger.key"
        key.parent.mkdir(mode=0o700)
        key.write_text(os.environ["COUNTERSIGN_LEDGER_KEY"])
        key.chmod(0o600)
        for name in ("labels", "features"):
            (folder / name).write_text("".join(LABEL))
            (folder / name).chmod(0o644)
        victim = folder / "open" / "victim"
        victim.parent.mkdir()
        victim.parent.chmod(0o777)
        victim.write_text("intact")
        victim.chmod(0o600)
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(folder / "socket"))
        unix.listen()
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        abstract.bind(f"\0{folder.name}")
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", tcp.getsockname()[1]))
        for listener in (unix, abstract, tcp, udp):
            listener.setblocking(False)
        if _becoming(identity):
            for path in (folder, *folder.rglob("*")):
                os.chown(path, USER, USER)
        calls = {
            name: number
            for table in syscalls.ATTEMPTS.values()
            for name, number in syscalls.numbers(table).items()
        }
        aims = {
            "key": str(key),
            "labels": str(folder / "labels"),
            "features": str(folder / "features"),
            "halves_reversed": [half[::-1] for half in LABEL],
            "postgresql": _address(os.environ["DATABASE_URL"]),
            "redis": _address(os.environ["REDIS_URL"]),
            "unix": str(folder / "socket"),
            "abstract": folder.name,
            "port": tcp.getsockname()[1],
            "open_folder": str(victim.parent),
            "temporary": tempfile.gettempdir(),
            "victim": str(victim),
            "graph": graph_that_fills(rows=False).hex(),
            "calls": calls,
        }
        yield Targets(folder, victim, unix, abstract, tcp, udp, aims)


@cache
def graph_that_fills(*, rows: bool) -> bytes:
    """An ONNX graph with a step that makes 16 billion zeros of four bytes, of itself or for each of its rows."""
    from onnx import TensorProto, helper

    many = helper.make_tensor("shape", TensorProto.INT64, [1], [16_000_000_000])
    columns = helper.make_tensor("columns", TensorProto.INT64, [1], [1])
    fill = helper.make_node("ConstantOfShape", ["shape"], ["zeros"])
    if not rows:
        zeros = helper.make_tensor_value_info("zeros", TensorProto.FLOAT, None)
        graph = helper.make_graph([fill], "fill", [], [zeros], [many])
    else:
        steps = [
            fill,
            helper.make_node("ReduceSum", ["zeros"], ["nothing"], keepdims=0),
            helper.make_node("ReduceSum", ["X", "columns"], ["sum"], keepdims=1),
            helper.make_node("Add", ["sum", "nothing"], ["y"]),
        ]
        given = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])
        answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
        graph = helper.make_graph(steps, "fill", [given], [answer], [many, columns])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())
