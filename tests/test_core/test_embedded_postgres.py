"""The embedded PostgreSQL: its roles, its folder in every state a crash can leave, root and others."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from countersign.embedded.postgres import OWNER, SERVING, SUPERUSER, Passwords, Postgres
from countersign.embedded.problems import Problem
from countersign.embedded.processes import Running, identify, start
from countersign.embedded.sockets import make_socket_folder
from countersign.embedded.unprivileged import NOBODY, Placement, find_binaries, place
from tests.stack import until

FAST = {"fsync": "off", "full_page_writes": "off"}
PASSWORDS = Passwords(superuser="1" * 48, owner="2" * 48, serving="3" * 48)


@contextmanager
def server(
    data: Path, *, placement: Placement | None = None, log: Path | None = None
) -> Iterator[tuple[Postgres, Running]]:
    """A running server on `data`, stopped at the end."""
    sockets = make_socket_folder()
    try:
        running = None
        postgres = Postgres(
            placement=placement or place(data),
            sockets=sockets,
            log=log or data.with_suffix(".log"),
            passwords=PASSWORDS,
            options=FAST,
        )
        running = start(postgres.child())
        postgres.set_up()
        yield postgres, running
    finally:
        if running:
            running.stop()
        shutil.rmtree(sockets)


def connect(postgres: Postgres, role: str, database: str = "countersign") -> psycopg.Connection:
    return psycopg.connect(postgres.url(role, database), autocommit=True)


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a server's first run behind it, to be started again by several tests."""
    data = tmp_path_factory.mktemp("initialised") / "postgresql-18"
    with server(data) as (postgres, _), connect(postgres, OWNER) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('still here')")
    return data


def kept(postgres: Postgres) -> str:
    with connect(postgres, OWNER) as connection:
        row = connection.execute("SELECT word FROM kept").fetchone()
    assert row is not None
    return str(row[0])


def test_roles_and_database(tmp_path: Path) -> None:
    data = tmp_path / "a deep path" / ("with a long name " * 8) / "postgresql-18"
    data.parent.mkdir(parents=True)
    with server(data) as (postgres, _):
        assert len(str(postgres.sockets / ".s.PGSQL.5432")) < 107
        with connect(postgres, OWNER) as owner:
            assert owner.execute(
                "SELECT datlocprovider::text, datlocale, pg_encoding_to_char(encoding)"
                " FROM pg_database WHERE datname = current_database()"
            ).fetchone() == ("b", "C.UTF-8", "UTF8")
            owner.execute("CREATE DATABASE another")
            owner.execute("CREATE TABLE facts (period tstzrange, EXCLUDE USING gist (period WITH &&))")
            with connect(postgres, SERVING, "another") as serving:
                # Every new database has the extension, and the serving role may make nothing anywhere.
                assert serving.execute("SELECT 1 FROM pg_extension WHERE extname = 'btree_gist'").fetchone()
                for statement in (
                    "CREATE TABLE mine (i int)",
                    "CREATE DATABASE mine",
                    "CREATE ROLE mine",
                    "SET ROLE countersign_owner",
                    "DROP DATABASE countersign",
                ):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        serving.execute(statement)
                owner.execute("DROP DATABASE another WITH (FORCE)")
                with pytest.raises(psycopg.OperationalError):
                    serving.execute("SELECT 1")


def test_password_is_required_and_no_address_is_listened_on(initialised: Path) -> None:
    with server(initialised) as (postgres, _):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(postgres.url(SERVING).replace(PASSWORDS.serving, "wrong"))
        with connect(postgres, SUPERUSER, "postgres") as superuser:
            assert superuser.execute("SHOW listen_addresses").fetchone() == ("",)
        assert postgres.sockets.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", ["", "nonsense\n", "{pid}\n/elsewhere\n1700000000\n5432\n\n\n\nready\n"])
def test_stale_lock_file(initialised: Path, content: str) -> None:
    # The last one names a live process that is no PostgreSQL: the id was given out again after a crash.
    (initialised / "postmaster.pid").write_text(content.format(pid=os.getppid()))
    with server(initialised) as (postgres, _):
        assert kept(postgres) == "still here"
    assert identify(os.getppid()) is not None


def test_crash_is_recovered_from(initialised: Path) -> None:
    with server(initialised) as (postgres, running):
        os.kill(running.pid, signal.SIGKILL)
        running.popen.wait()
    with server(initialised) as (postgres, _):
        assert kept(postgres) == "still here"


def test_server_that_lost_its_parent_is_ended_first(initialised: Path) -> None:
    """A server runs on without anybody who knows of it, as after a `kill -9` without a death signal."""
    placement = place(initialised)
    sockets = make_socket_folder()
    orphan = subprocess.Popen(
        [
            *(*placement.prefix, str(placement.binaries / "postgres"), "-D", str(placement.data)),
            *("-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}"),
        ],
        cwd="/",
        stderr=subprocess.DEVNULL,
    )
    try:
        until((sockets / ".s.PGSQL.5432").exists, seconds=30, what="the orphan's socket")
        with server(initialised) as (postgres, running):
            assert kept(postgres) == "still here"
            assert orphan.wait(10) == 0
            assert running.alive()
    finally:
        orphan.kill()
        orphan.wait()
        sockets.rmdir()


def test_dies_with_its_parent(initialised: Path, tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.test_core.test_embedded_postgres import server\n"
        "with server(Path(sys.argv[1]), log=Path(sys.argv[2])) as (postgres, running):\n"
        "    print(running.pid, postgres.sockets, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, initialised, tmp_path / "log"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert parent.stdout is not None
    pid, sockets = parent.stdout.readline().split()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not identify(int(pid)), seconds=20, what="PostgreSQL to end with its parent")
    shutil.rmtree(sockets)
    assert "database system is shut down" in (tmp_path / "log").read_text()


def test_half_made_folder_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgresql-18.new").mkdir()
    (tmp_path / "postgresql-18.new" / "PG_VERSION").write_text("18\n")
    with server(tmp_path / "postgresql-18") as (_, running):
        assert running.alive()
    assert not (tmp_path / "postgresql-18.new").exists()


def test_folder_that_is_no_data(tmp_path: Path) -> None:
    data = tmp_path / "postgresql-18"
    data.mkdir(0o700)
    (data / "somebody's notes").touch()
    with pytest.raises(Problem, match=r"PG_VERSION is missing.*restore a backup"), server(data):
        pass


def test_corrupt_data(tmp_path: Path) -> None:
    data = tmp_path / "postgresql-18"
    with server(data):
        pass
    os.truncate(data / "global" / "pg_control", 100)
    with pytest.raises(Problem) as caught, server(data):
        pass
    message = str(caught.value)
    assert message.startswith("PostgreSQL did not start (")
    assert "pg_control" in message
    assert "restore a backup" in message
    assert "\n" not in message


def test_data_of_an_older_version_is_not_taken_for_an_empty_system(tmp_path: Path) -> None:
    (tmp_path / "postgresql-17").mkdir()
    with (
        pytest.raises(Problem, match="made by another PostgreSQL than 18"),
        server(tmp_path / "postgresql-18"),
    ):
        pass


def test_data_of_somebody_else(tmp_path: Path) -> None:
    data = Path("/")  # root's, which an ordinary user may not take
    if os.geteuid() == 0:
        data = tmp_path / "postgresql-18"
        data.mkdir()
        os.chown(data, 4242, 4242)
    with pytest.raises(Problem, match=r"belongs to uid \d+: start Countersign as that user"):
        place(data)


@pytest.fixture
def refuge() -> Iterator[Path]:
    """A folder every user can pass through, which a test's own folder is not."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder)


def test_without_user_namespaces(tmp_path: Path, refuge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in most containers: root becomes nobody; for an ordinary user nothing differs."""
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    package = find_binaries().parent.parent
    for folder in (package, package.with_name(f"{package.name}.libs")):
        (closed / folder.name).symlink_to(folder)
    monkeypatch.setattr(
        "countersign.embedded.unprivileged.find_binaries", lambda: closed / package.name / "pginstall" / "bin"
    )
    data = closed / "postgresql-18"
    with server(data) as (postgres, _), connect(postgres, OWNER) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'moved' AS word")
    for _ in range(2):
        placement = place(data, namespaces=False, refuge=refuge)
        with server(data, placement=placement, log=tmp_path / "log") as (postgres, running):
            assert kept(postgres) == "moved"
            assert running.alive()
            if os.geteuid() == 0:
                assert placement.user == NOBODY
                assert Path(f"/proc/{running.pid}").stat().st_uid == NOBODY
                assert closed.stat().st_uid == 0
                assert tmp_path.parent.stat().st_mode & 0o077 == 0, "a folder not ours was opened"
    # Root of a host that allows namespaces again must go on as nobody: the files belong to that user now.
    assert place(data, refuge=refuge) == placement


def test_no_password_in_sight(initialised: Path, tmp_path: Path) -> None:
    data = tmp_path / "postgresql-18"
    with server(data) as (_, running):
        words = Path(f"/proc/{running.pid}/cmdline").read_text()
        environment = Path(f"/proc/{running.pid}/environ").read_text()
    log = data.with_suffix(".log").read_text()
    for password in (PASSWORDS.superuser, PASSWORDS.owner, PASSWORDS.serving):
        assert password not in words + environment + log
