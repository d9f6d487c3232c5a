"""Uploads to the real web server: streamed, in chunks, and cut in the middle."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from countersign.accounts.models import User
from countersign.blobs.models import Blob
from countersign.blobs.storage import storage
from countersign.permissions import Role
from registry.versions.models import ModelVersion, UploadFile
from tests.databases import ROOT
from tests.factories import registry as make
from tests.factories.people import actor_for, make_team, make_user, token_for
from tests.stack import until

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Server:
    """A running granian on this test's database and home."""

    port: int
    pid: int
    token: str

    def client(self) -> httpx.Client:
        """A client that sends the token."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/api/v1/",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )

    def raw(self, request: bytes) -> socket.socket:
        """A connection over which these bytes went."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        head, _, body = request.partition(b"\r\n\r\n")
        connection.sendall(head + f"\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode() + body)
        return connection

    def peak_memory(self) -> int:
        """The most bytes the server and its worker processes ever held."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        total = 0
        for pid in (str(self.pid), *children):
            status = Path(f"/proc/{pid}/status").read_text()
            total += int(status.split("VmHWM:")[1].split()[0]) * 1024
        return total


@pytest.fixture
def maker() -> User:
    """A contributor and owner."""
    team = make_team("Risk")
    return make_user("maker", roles=[(Role.CONTRIBUTOR, team), (Role.OWNER, team)])


@pytest.fixture
def server(maker: User, tmp_path: Path, settings: Any) -> Iterator[Server]:
    """The product's own server, as `make run` starts it, on a storage of the test's own."""
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("DJANGO_", "DATABASE_OWNER"))
        },
        "COUNTERSIGN_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "COUNTERSIGN_ALLOWED_HOSTS": "127.0.0.1",
        "STORAGE_URL": settings.STORAGE_URL,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    command = (sys.executable, "-m", "granian", "--interface", "wsgi", "countersign.wsgi:application")
    with (tmp_path / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--blocking-threads", "4"],
            cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        running = Server(port, process.pid, token_for(maker))
        until(lambda: _answers(running), seconds=20, what=f"granian (log in {tmp_path})")
        yield running
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def _answers(server: Server) -> bool:
    try:
        with server.client() as client:
            return client.get("me").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def upload(maker: User, server: Server) -> Any:
    """An open upload, as its URL."""
    from countersign.accounts.models import Team

    make.make_model(Team.objects.get(), actor=actor_for(maker), name="credit")
    with server.client() as client:
        return f"uploads/{client.post('uploads', json={'model': 'credit'}).json()['id']}"


def stored() -> list[Path]:
    """Every file of the storage, arriving ones too."""
    root: Path = storage().root  # type: ignore[attr-defined]
    return [path for path in root.rglob("*") if path.is_file()]


def blocks(count: int) -> Iterator[bytes]:
    """Half a megabyte at a time."""
    for _ in range(count):
        yield bytes(512 * 1024)


def test_a_body_in_chunks_is_streamed_in_constant_memory(server: Server, upload: str) -> None:
    count = 400
    digest = hashlib.sha256(bytes(count * 512 * 1024)).hexdigest()
    with server.client() as client:
        small = client.put(
            f"{upload}/files/small",
            content=blocks(1),
            headers={"Content-SHA256": hashlib.sha256(bytes(512 * 1024)).hexdigest()},
        )
        assert small.status_code == 201, small.text
        before = server.peak_memory()
        response = client.put(
            f"{upload}/files/model.bin", content=blocks(count), headers={"Content-SHA256": digest}
        )
        assert response.status_code == 201, response.text
        assert response.json() == {"path": "model.bin", "size": count * 512 * 1024, "sha256": digest}
        assert server.peak_memory() - before < 32 * 1024 * 1024
        version = client.post(f"{upload}/finalise")
        assert version.status_code == 201, version.text
        url = "models/credit/versions/1/files/model.bin"
        assert hashlib.sha256(client.get(url).content).hexdigest() == digest
        assert client.get(url, headers={"Range": "bytes=0-9"}).content == bytes(10)
        assert client.head(url).headers["content-length"] == str(count * 512 * 1024)
        assert server.peak_memory() - before < 64 * 1024 * 1024


def nothing_arrived() -> bool:
    """Whether no file lies in the storage, not even an arriving one."""
    return stored() == []


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_that_is_cut_leaves_nothing(server: Server, upload: str, chunked: bool) -> None:
    head = (
        f"PUT /api/v1/{upload}/files/model.bin HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-SHA256: {'0' * 64}\r\n"
    )
    part = bytes(300_000)
    if chunked:
        request = head + "Transfer-Encoding: chunked\r\n\r\n" + f"{len(part):x}\r\n"
    else:
        request = head + "Content-Length: 900000\r\n\r\n"
    connection = server.raw(request.encode() + part + (b"\r\n" if chunked else b""))
    until(lambda: len(stored()) == 1, seconds=30, what="the first bytes to arrive")
    connection.close()
    until(nothing_arrived, seconds=30, what="the cut upload to be removed")
    assert not UploadFile.objects.exists()
    assert not Blob.objects.exists()
    with server.client() as client:
        assert client.get(upload).json()["arrived"] == []


def test_a_multipart_body_that_is_cut_leaves_nothing(server: Server, upload: str) -> None:
    first = b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nwhole\r\n'
    second = b'--b\r\nContent-Disposition: form-data; name="b"; filename="b"\r\n\r\n' + bytes(300_000)
    head = (
        "POST /api/v1/models/credit/versions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    connection = server.raw(head.encode() + first + second)
    until(lambda: len(stored()) == 2, seconds=30, what="the first file and half of the second")
    connection.close()
    until(nothing_arrived, seconds=30, what="both to be removed")
    assert not Blob.objects.exists()
    assert not ModelVersion.objects.exists()


def test_a_multipart_body_in_chunks_is_a_version(server: Server, upload: str) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{"description": "x"}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n123\r\n--b--\r\n'
    )
    with server.client() as client:
        response = client.post(
            "models/credit/versions",
            content=iter([body[:50], body[50:]]),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
        assert response.status_code == 201, response.text
        assert response.json()["size"] == 3


def test_who_may_not_is_told_before_the_body_is_read(server: Server, upload: str) -> None:
    connection = server.raw(
        b"PUT /api/v1/uploads/00000000-0000-0000-0000-000000000000/files/a HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Length: 999999999999\r\n\r\n"
    )
    assert connection.recv(100).startswith(b"HTTP/1.1 404")
    connection.close()
    assert nothing_arrived()
