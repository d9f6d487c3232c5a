"""The home folder, its secrets and their distribution, and the record a successor reads."""

import base64
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from countersign.embedded import home as home_module
from countersign.embedded.home import Home
from countersign.embedded.plan import Connections, product
from countersign.embedded.problems import Problem
from countersign.embedded.processes import LOG_LIMIT, Child, Running, identify
from countersign.embedded.record import Record, reap
from countersign.embedded.sockets import make_socket_folder
from tests.test_core.embedded_kit import STAY

KEYS = {"secret_key", "ledger.key", "export.key", "postgresql.json"}


def test_secrets_are_made_once_and_only_for_us(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.ensure_secrets()
    made = {path.name: path.read_text() for path in home.keys.iterdir()}
    assert set(made) == KEYS
    for name in ("ledger.key", "export.key"):
        assert len(base64.b64decode(made[name], validate=False)) == 32
    for content in made.values():
        assert content.count("\n") == 1
    assert len(made["secret_key"]) >= 50
    for path in home.keys.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (home.path, home.keys, home.logs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = Home(tmp_path / "home")
    again.ensure_secrets()
    assert {path.name: path.read_text() for path in home.keys.iterdir()} == made


@pytest.mark.parametrize("name", sorted(KEYS))
def test_a_lost_secret_is_asked_for_and_never_replaced(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path)
    home.ensure_secrets()
    (home.keys / name).unlink()
    with pytest.raises(Problem, match=f"{name} is missing, empty or unreadable: restore it from a backup"):
        home.ensure_secrets()
    (home.keys / name).touch()
    with pytest.raises(Problem, match="restore it from a backup"):
        home.ensure_secrets()


def test_all_secrets_lost(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.data.mkdir()
    with pytest.raises(Problem, match=r"keys is missing, but .* is there: restore it from a backup"):
        home.ensure_secrets()


def test_damaged_passwords(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.ensure_secrets()
    (home.keys / "postgresql.json").write_text("{")
    with pytest.raises(Problem, match=r"postgresql.json is damaged .*: restore it from a backup"):
        home.passwords()


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        Problem, match=r"cannot be written .*: set COUNTERSIGN_HOME to a folder you may write to"
    ):
        Home(tmp_path / "file" / "home")


def test_a_disk_that_is_about_to_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "FREE_BYTES", 2**60)
    with pytest.raises(Problem, match=r"only \d+ MB are free for .*: make room"):
        Home(tmp_path).check_room()


def test_signing_keys_and_the_owner_reach_only_whom_they_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever the operator's shell holds must not leak into the children.
    for name in (
        "DATABASE_OWNER_URL",
        "COUNTERSIGN_LEDGER_KEY",
        "COUNTERSIGN_EXPORT_KEY_FILE",
        "REDIS_URL_FILE",
    ):
        monkeypatch.setenv(name, "from outside")
    monkeypatch.delenv("COUNTERSIGN_PUBLIC_URL", raising=False)
    home = Home(tmp_path)
    plan = product(home, "127.0.0.1", 8123, Connections("serving-url", "owner-url", "redis-url"))
    signing = {"COUNTERSIGN_LEDGER_KEY_FILE", "COUNTERSIGN_EXPORT_KEY_FILE"}
    assert plan.demo is not None
    everything = [*plan.steps, *plan.children, plan.demo]
    assert {one.name for one in everything if signing & one.environment.keys()} == {
        "bootstrap",
        "worker-core",
    }
    owners = {one.name for one in everything if "DATABASE_OWNER_URL" in one.environment}
    assert owners == {"migrate", "bootstrap"}
    for one in everything:
        assert "from outside" not in one.environment.values()
        assert one.environment["DATABASE_URL"] == "serving-url"
        assert one.environment["REDIS_URL"] == "redis-url"
        assert one.environment["COUNTERSIGN_HOME"] == str(tmp_path)
        assert one.environment["COUNTERSIGN_SECRET_KEY_FILE"] == str(tmp_path / "keys" / "secret_key")
        assert one.environment["COUNTERSIGN_PUBLIC_URL"] == "http://127.0.0.1:8123"
        assert one.environment["ORT_DISABLE_TELEMETRY"] == "1"
        assert not [word for word in one.command if "url" in word], "what is secret is on a command line"


def test_a_process_that_got_a_recorded_id_later_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(STAY, start_new_session=True)
    try:
        process = identify(stranger.pid)
        assert process is not None
        sockets = make_socket_folder()
        child = Child(name="beat", command=tuple(STAY), environment=dict(os.environ), log=tmp_path / "log")
        record = Record(tmp_path / "run.json", sockets)
        running = Running(child)
        record.add(running)
        content = json.loads((tmp_path / "run.json").read_text())
        content["children"]["web"] = {
            **content["children"]["beat"],
            "pid": process.pid,
            "started": process.started - 1,
        }
        (tmp_path / "run.json").write_text(json.dumps(content))
        assert reap(tmp_path / "run.json") == 1
        assert not running.alive()
        assert stranger.poll() is None
        assert not sockets.exists()
        assert not (tmp_path / "run.json").exists()
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"boot": 1}'])
def test_a_record_that_was_cut_short(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    assert reap(tmp_path / "run.json") == 0
    assert reap(tmp_path / "never was") == 0


def test_a_long_log_is_emptied_at_the_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(name="step", command=("echo", "hello"), environment=dict(os.environ), log=log)
    for size, kept in ((LOG_LIMIT, True), (LOG_LIMIT + 1, False)):
        log.write_bytes(b"")
        os.truncate(log, size)
        Running(child).popen.wait()
        assert (log.stat().st_size > LOG_LIMIT) is kept
        assert log.read_bytes().endswith(b"hello\n")
