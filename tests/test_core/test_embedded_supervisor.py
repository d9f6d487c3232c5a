"""The supervisor with real processes: start, stop, crash, restart, and one clear line for every refusal."""

import os
import pty
import shlex
import signal
import socket
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest

from countersign.embedded.processes import identify
from tests.test_core.embedded_kit import PYTHON, STAY, STUBBORN_GRANDCHILD, Supervised, wait_until

ENDS_AT_ONCE = [PYTHON, "-c", "import sys; sys.exit('no such luck')"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """In a path with a space, as long as paths get."""
    folder = tmp_path / "with a space" / ("deep" * 30)
    folder.mkdir(parents=True)
    return folder / "home"


def refused(run: Supervised) -> str:
    """The one line of a start that was refused."""
    assert run.ends() == 1
    assert not run.pids()
    lines = run.output.splitlines()
    assert lines[-1].startswith("Countersign: ")
    assert "Traceback" not in run.output
    return lines[-1]


def test_everything_embedded_from_start_to_second_start(home: Path) -> None:
    with Supervised(home, embedded=True) as run:
        run.is_up()
        children = run.recorded()
        assert set(children) == {"PostgreSQL", "Redis", "web", "beat"}
        environment = home / "env"
        assert stat.S_IMODE(environment.stat().st_mode) == 0o600
        shell = f". {shlex.quote(str(environment))}; printf '%s' \"$DATABASE_OWNER_URL\""
        url = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'still here' AS word")
        sockets = Path(url.partition("host=")[2])
        run.process.send_signal(signal.SIGTERM)
        assert run.ends() == 0
        assert not [name for name, pid in children.items() if identify(pid)]
        assert not sockets.exists()
        assert not environment.exists()
        assert not (home / "run.json").exists()
    with Supervised(home, embedded=True) as run:
        run.is_up()
        sockets = Path((home / "env").read_text().partition("host=")[2].split("'")[0])
        url = url.partition("host=")[0] + f"host={sockets}"
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT word FROM kept").fetchone() == ("still here",)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(home: Path, number: signal.Signals) -> None:
    with Supervised(home, children={"beat": [PYTHON, "-c", STUBBORN_GRANDCHILD]}) as run:
        run.is_up()
        wait_until(lambda: len(run.pids()) == 3, "web, beat and beat's own child run")
        run.process.send_signal(number)
        assert run.ends() == 0
        assert not run.pids()
        assert run.output.endswith("Stopping.\n")


def test_a_signal_while_starting_ends_everything(home: Path) -> None:
    with Supervised(home, steps={"migrate": STAY}) as run:
        wait_until(run.pids, "the step runs")
        run.process.send_signal(signal.SIGINT)
        assert run.ends() == 0
        assert not run.pids()


@pytest.mark.parametrize(
    "through", [[], ["sh", "-c", 'trap : HUP; "$@"; exit $?', "make"]], ids=["directly", "make"]
)
def test_closing_the_terminal_ends_everything(home: Path, through: list[str]) -> None:
    # Where something else leads the session, as make does, only that is told; and it waits for its child.
    ours, theirs = pty.openpty()
    with Supervised(home, terminal=theirs, through=through) as run:
        os.close(theirs)
        said = b""
        while b"Ctrl-C stops it." not in said:
            said += os.read(ours, 4096)
        os.close(ours)
        assert run.ends() == 0
        assert not run.pids()


def test_after_kill_9_children_die_and_the_next_start_ends_the_rest(home: Path) -> None:
    with Supervised(home, children={"beat": [PYTHON, "-c", STUBBORN_GRANDCHILD]}) as killed:
        killed.is_up()
        children = killed.recorded()
        wait_until(lambda: len(killed.pids()) == 3, "web, beat and beat's own child run")
        killed.process.kill()
        killed.process.wait()
        wait_until(lambda: not any(map(identify, children.values())), "children die with the supervisor")
        (survivor,) = killed.pids()
        with Supervised(home, port=killed.port) as run:
            run.says("An earlier run was killed; ended 1 process it left behind.")
            run.is_up()
            assert identify(survivor) is None


def test_after_kill_9_everything_embedded_starts_again(home: Path) -> None:
    with Supervised(home, embedded=True) as killed:
        killed.is_up()
        killed.process.kill()
        killed.process.wait()
    with Supervised(home, port=killed.port, embedded=True) as run:
        run.is_up()


def test_a_second_start_names_the_first(home: Path) -> None:
    with Supervised(home) as first:
        first.is_up()
        with Supervised(home) as second:
            assert f"already running at http://127.0.0.1:{first.port} " in refused(second)
        assert first.process.poll() is None
        assert (home / "env").exists()


def test_two_side_by_side(home: Path, tmp_path: Path) -> None:
    with Supervised(home) as one, Supervised(tmp_path / "other") as two:
        one.is_up()
        two.is_up()
        one.process.send_signal(signal.SIGTERM)
        assert one.ends() == 0
        assert len(two.pids()) == 2


def test_a_busy_port_is_refused_and_never_replaced(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Supervised(home, port=port) as run:
            assert f"port {port} on 127.0.0.1 is in use by another program" in refused(run)


def test_a_failing_step_stops_the_start(home: Path) -> None:
    with Supervised(home, steps={"migrate": ENDS_AT_ONCE}, embedded=True) as run:
        line = refused(run)
        assert "migrate failed (exit status 1: no such luck; log: " in line
        assert str(home / "logs" / "migrate.log") in line
        assert not (home / "run.json").exists()


def test_a_child_that_cannot_start_stops_the_start(home: Path) -> None:
    with Supervised(home, web=STAY, children={"beat": ENDS_AT_ONCE}) as run:
        assert "beat ended while starting (exit status 1: no such luck; log: " in refused(run)


def test_a_child_that_dies_is_started_again(home: Path) -> None:
    with Supervised(home) as run:
        run.is_up()
        before = run.recorded()["beat"]
        os.kill(before, signal.SIGKILL)
        run.says(f"beat ended (SIGKILL; log: {home}/logs/beat.log); restart 1 of 2 in 0.05 s.")
        wait_until(lambda: run.recorded()["beat"] != before, "beat runs again")
        assert identify(run.recorded()["beat"])


def test_a_program_nobody_needs_at_once_is_given_up_alone(home: Path) -> None:
    slowly = [PYTHON, "-c", "import time; time.sleep(1.5)"]
    with Supervised(home, children={"beat": slowly}, backoff=(0.01,)) as run:
        run.is_up()
        run.says("given up after 1 restarts, the rest keeps running.")
        assert len(run.pids()) == 1


def test_an_essential_service_that_stays_down_stops_everything(home: Path) -> None:
    with Supervised(home, embedded=True, backoff=()) as run:
        run.is_up()
        os.kill(run.recorded()["Redis"], signal.SIGKILL)
        line = refused(run)
        assert line.startswith("Countersign: Redis ended (SIGKILL: ")
        assert line.endswith("so everything stops")


def test_postgresql_that_crashes_comes_back(home: Path) -> None:
    with Supervised(home, embedded=True, backoff=(0.05,)) as run:
        run.is_up()
        url = (home / "env").read_text().partition("DATABASE_URL='")[2].partition("'")[0]
        os.kill(run.recorded()["PostgreSQL"], signal.SIGKILL)
        run.says("PostgreSQL ended (SIGKILL")

        def answers() -> bool:
            try:
                psycopg.connect(url).close()
            except psycopg.OperationalError:
                return False
            return True

        wait_until(answers, "PostgreSQL serves again")


def test_the_demonstration_runs_once(home: Path) -> None:
    demo = [PYTHON, "-c", "print('Sign in with these words')"]
    with Supervised(home, demo=demo) as run:
        run.is_up()
        assert run.output.count("Sign in with these words") == 1
    assert "these words" not in (home / "logs" / "demo.log").read_text(), "a password was logged"
    with Supervised(home, demo=demo) as again:
        again.is_up()
        assert "Sign in" not in again.output


def test_a_failing_demonstration_leaves_the_service_up(home: Path) -> None:
    with Supervised(home, demo=ENDS_AT_ONCE) as run:
        run.is_up()
        assert "demo failed (exit status 1: no such luck; log: " in run.output
        assert not (home / "demo.done").exists()
        assert run.process.poll() is None


def test_a_service_that_does_not_answer_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:hidden-word@/x?host=/nowhere")
    with Supervised(home) as run:
        line = refused(run)
        assert "the database of DATABASE_URL does not answer: " in line
        assert "hidden-word" not in run.output
    monkeypatch.setenv("DATABASE_URL", os.environ["DATABASE_OWNER_URL"])
    monkeypatch.setenv("REDIS_URL", "unix://:hidden-word@/nowhere/redis.sock?db=0")
    with Supervised(home) as run:
        assert "the Redis of REDIS_URL does not answer: " in refused(run)
        assert "hidden-word" not in run.output
