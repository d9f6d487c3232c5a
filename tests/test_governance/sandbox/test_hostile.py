"""Models that attack: each is stopped, and the failure says what happened."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.evaluation.sandbox import EvaluationFailed, Flavour, Isolation, Limits, Outcome, host, process
from registry.versions.tasks import Task

from . import endings, models
from .targets import Targets, graph_that_fills, laid_out

Run = Callable[..., Outcome]
Fails = Callable[..., EvaluationFailed]


@pytest.fixture
def targets() -> Iterator[Targets]:
    """Secrets, a world-writable folder and four listeners."""
    with laid_out() as targets:
        yield targets


def test_a_model_that_reads_a_secret_file_while_it_is_loaded(
    fails: Fails, targets: Targets, tmp_path: Path
) -> None:
    failure = fails(models.program(f"model = open({str(targets.secret)!r}).read()", tmp_path))
    assert failure.code == "forbidden"
    assert failure.message.startswith("The model tried to read outside its folder.")
    assert failure.said.startswith(("PermissionError", "FileNotFoundError"))


def test_a_model_that_opens_the_databases_socket(fails: Fails, targets: Targets, tmp_path: Path) -> None:
    path = targets.aims["unix"]
    body = f"import socket\nsocket.socket(socket.AF_UNIX).connect({path!r})\n{models.HONEST}"
    failure = fails(models.predicting(body, tmp_path))
    assert failure.code == "forbidden"
    assert failure.message.startswith("The model tried to open a network connection, which was refused")
    assert "Operation not permitted" in failure.said
    targets.nothing_happened()


def test_a_model_that_opens_a_network_connection(fails: Fails, targets: Targets, tmp_path: Path) -> None:
    port = targets.aims["port"]
    body = f"import socket\nsocket.create_connection(('127.0.0.1', {port}))\n{models.HONEST}"
    failure = fails(models.predicting(body, tmp_path))
    assert failure.code == "forbidden"
    targets.nothing_happened()


def test_a_model_that_allocates_without_end(fails: Fails, tmp_path: Path) -> None:
    body = "keep = []\nwhile True: keep.append(bytearray(16 << 20))"
    failure = fails(models.predicting(body, tmp_path), limits=Limits(memory_bytes=1 << 30))
    assert failure.code == "out_of_memory"
    assert "more memory than allowed (1 GB)" in failure.message
    assert failure.circumstances["peak_rss_bytes"] < 1 << 30


def test_a_pickle_of_ten_bytes_that_asks_for_nine_gigabytes(fails: Fails, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cbuiltins\nbytearray\n(I9000000000\ntR.")
    assert fails(path).code == "out_of_memory"
    # A limit too small for the libraries alone is a matter of memory too, not of the installation.
    assert fails(path, limits=Limits(memory_bytes=200 << 20)).code == "out_of_memory"


def test_an_onnx_graph_of_a_few_bytes_that_asks_for_64_gigabytes(fails: Fails, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(graph_that_fills(rows=True))
    assert path.stat().st_size < 300
    failure = fails(path, flavour=Flavour.ONNX, task=Task.REGRESSION)
    assert failure.code == "out_of_memory"
    assert "Failed to allocate memory for requested buffer of size 64000000000" in failure.said


def test_a_model_that_never_returns(fails: Fails, tmp_path: Path) -> None:
    body = "import signal\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\nwhile True: time.sleep(9)"
    failure = fails(models.predicting(body, tmp_path), limits=Limits(wall_seconds=2.5))
    assert failure.code == "out_of_time"
    assert "within 2.5 seconds" in failure.message
    assert 2.5 <= failure.circumstances["wall_seconds"] < 5


def test_a_model_that_predicts_too_slowly(fails: Fails, tmp_path: Path) -> None:
    failure = fails(models.predicting(endings.SLOW, tmp_path), limits=Limits(wall_seconds=3))
    assert failure.code == "out_of_time"
    assert "within 3 seconds" in failure.message


def test_a_flood_of_refused_calls_delays_nobody(
    isolation: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Eight threads that ask without end, from the first moment: the deadline is kept, and the calls are counted.
    monkeypatch.setattr(host, "PROGRAM_FOLDERS", (*host.PROGRAM_FOLDERS, str(Path(__file__).parent)))
    artifact = tmp_path / "none"
    artifact.touch()
    ended = process.run(
        process.Task("endings:main", ("endings",), artifact, {"body": endings.FLOOD_OF_CALLS}),
        limits=Limits(wall_seconds=3, cpu_seconds=60),
        isolation=isolation,
        answered=lambda _: None,
        features=iter(()),
    )
    assert ended.ended_by == "deadline"
    assert ended.wall_seconds < 3 + 2
    assert [(one["kind"], set(one["calls"])) for one in ended.attempts] == [("network", {"socket"})]
    assert ended.attempts[0]["count"] > 100


def test_a_model_that_computes_without_end_and_ignores_the_signal(fails: Fails, tmp_path: Path) -> None:
    body = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    failure = fails(models.predicting(body, tmp_path), limits=Limits(cpu_seconds=2, wall_seconds=60))
    assert failure.code == "out_of_cpu"
    assert "more processor time than allowed (2 s)" in failure.message


_SCRIBBLE = """
for fd in range(3, 40):
    try: os.write(fd, b'x' * 99)
    except OSError: pass
return numpy.zeros((len(X), 2))
"""


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("return numpy.array([['a', 'b']] * len(X))", "not_numbers", "are not numbers"),
        ("return numpy.full((len(X), 2), numpy.nan)", "not_finite", "500 of 500 predictions"),
        ("return numpy.tile([-0.5, 1.5], (len(X), 1))", "out_of_range", "500 of 500 predictions lie outside"),
        (
            "return numpy.tile([0.5, 0.5], (len(X) - 1, 1))",
            "wrong_row_count",
            "returned 199 predictions for 200",
        ),
        (
            "return numpy.tile([0.5, 0.5], (len(X) + 1, 1))",
            "wrong_row_count",
            "returned 201 predictions for 200",
        ),
        ("return numpy.zeros((40_000_000, 2))", "wrong_row_count", "returned 40000000 predictions for 200"),
        ("return numpy.zeros((len(X), 2000))", "not_predictions", "a number of columns outside 1 to"),
        ("return numpy.full((len(X), 2), 1j)", "not_numbers", "are not numbers"),
        ("return numpy.full((len(X), 2), object())", "not_numbers", "are not numbers"),
        ("return None", "not_numbers", "are not numbers"),
        (_SCRIBBLE, "not_predictions", "predictions before their header"),
        (endings.FORGED_STATUS, "not_predictions", "something that is not predictions"),
        ("os._exit(0)", "no_predictions", "ended without giving predictions"),
        ("os._exit(3)", "crashed", "exit code 3"),
        ("import ctypes\nctypes.string_at(8)", "crashed", "segmentation fault"),
        ("os.abort()", "crashed", "(abort)"),
        ("raise KeyError('lost')", "crashed", "raised an error"),
    ],
)
def test_a_model_that_answers_nonsense_or_not_at_all(
    body: str, code: str, message: str, fails: Fails, tmp_path: Path
) -> None:
    failure = fails(models.predicting(body, tmp_path))
    assert failure.code == code
    assert message in failure.message


def test_a_forged_header_ends_the_model_at_once(fails: Fails, tmp_path: Path) -> None:
    body = """
import json, struct
note = json.dumps({"stage": "header", "k": 1000000000, "classes": []}).encode()
for fd in range(3, 40):
    try: os.write(fd, struct.pack('<QI', 2**64 - 2, len(note)) + note)
    except OSError: pass
while True: time.sleep(9)
"""
    started = time.monotonic()
    failure = fails(models.predicting(body, tmp_path), limits=Limits(wall_seconds=60))
    assert failure.code == "not_predictions"
    assert time.monotonic() - started < 30


def test_an_evaluation_is_cancelled_within_two_seconds(fails: Fails, tmp_path: Path) -> None:
    artifact = models.predicting("time.sleep(300)", tmp_path)
    asked: list[float] = []

    def cancelled() -> bool:
        asked.append(time.monotonic())
        return len(asked) > 8

    failure = fails(artifact, cancelled=cancelled)
    assert failure.code == "cancelled"
    assert time.monotonic() - asked[-1] < 2
    assert not list(models.sandboxed(os.getpid()))


def test_when_the_supervisor_is_killed_nothing_counts(
    fails: Fails, isolation: Isolation, tmp_path: Path
) -> None:
    artifact = models.predicting("time.sleep(300)", tmp_path)
    asked: list[list[int]] = []

    def kill_supervisor() -> bool:
        asked.append(list(models.sandboxed(os.getpid())))
        if len(asked) == 6:
            # The last in the line is the model, the one before it its supervisor.
            os.kill(asked[-1][-2], signal.SIGKILL)
        return False

    failure = fails(artifact, cancelled=kill_supervisor)
    assert failure.code == "supervisor_lost"
    family = asked[5]
    assert len(family) == _family_size(isolation)
    deadline = time.monotonic() + 1
    while any(_alive(process) for process in family):
        assert time.monotonic() < deadline


def test_when_the_worker_is_killed_the_model_ends_within_a_second(
    isolation: Isolation, tmp_path: Path
) -> None:
    artifact = models.predicting("time.sleep(300)", tmp_path)
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(artifact)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"started\n"
        family = _until(lambda: list(models.sandboxed(worker.pid)), count=_family_size(isolation))
        os.kill(worker.pid, signal.SIGKILL)
        killed = time.monotonic()
        worker.wait()
        while any(_alive(process) for process in family):
            assert time.monotonic() - killed < 1
    finally:
        worker.kill()


_WORKER = """
import sys, pathlib, pyarrow
from governance.evaluation.sandbox import *
predict(artifact=pathlib.Path(sys.argv[1]), flavour=Flavour.PICKLE, rows=1, limits=Limits(),
        batches=[pyarrow.record_batch({"x": [1.0]})], isolation=detect_isolation(), trusted_types=(),
        cancelled=lambda: print("started"))
"""


def _family_size(isolation: Isolation) -> int:
    """Supervisor and model, and bubblewrap above them where it is used."""
    return 3 if "bubblewrap" in isolation.layers else 2


def _until(found: Callable[[], list[int]], *, count: int) -> list[int]:
    deadline = time.monotonic() + 30
    while len(result := found()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return result


def _alive(process: int) -> bool:
    """A process that is dead but not yet reaped by its new parent does not count."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
