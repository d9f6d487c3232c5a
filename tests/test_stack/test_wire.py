"""What only shows on the wire: bodies far too large, paths in every spelling, tokens in URLs, other hosts."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from tests.stack import Stack
from tests.test_stack.people_kit import Team, make_team

JSON_LIMIT = 2 * 1024 * 1024
TWO_GIGABYTES = 2 * 1024**3
MODEL = "wire"


@pytest.fixture(scope="module")
def team(stack: Stack) -> Team:
    """A team with a model that has one version."""
    team = make_team(stack, "Wire")
    with stack.client(team.token) as maker:
        maker.post("models", json={"name": MODEL, "team": team.slug}).raise_for_status()
        maker.post(
            f"models/{MODEL}/versions", data={"metadata": "{}"}, files={"a/b.bin": ("b.bin", b"the bytes")}
        ).raise_for_status()
    return team


class Wire:
    """One connection, on which a request is written as it is."""

    def __init__(self, stack: Stack, team: Team, head: str, **headers: str) -> None:
        self.connection = socket.create_connection(("127.0.0.1", stack.port), timeout=20)
        said = {"Host": f"127.0.0.1:{stack.port}", "Authorization": f"Bearer {team.token}"} | headers
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in said.items())
        self.connection.sendall(f"{head} HTTP/1.1\r\n{lines}\r\n".encode())
        self.sent = 0

    def send(self, blocks: Iterator[bytes]) -> None:
        """Send until the server has heard enough."""
        with suppress(BrokenPipeError, ConnectionResetError):
            for block in blocks:
                self.connection.sendall(block)
                self.sent += len(block)

    def answer(self) -> tuple[int, Any]:
        """Status and body."""
        received = b""
        while b"\r\n\r\n" not in received and (block := self.connection.recv(65_536)):
            received += block
        head, _, body = received.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:])
        while len(body) < int(fields.get("content-length", 0)):
            body += self.connection.recv(65_536)
        return int(head.split(b" ")[1]), json.loads(body) if body.startswith(b"{") else body

    def close(self) -> None:
        """Hang up."""
        self.connection.close()


def ask(stack: Stack, team: Team, head: str, **headers: str) -> tuple[int, Any]:
    """The answer to a request without a body."""
    with closing(Wire(stack, team, head, **headers)) as wire:
        return wire.answer()


def rows(stack: Stack) -> list[Any]:
    """How many models, versions, uploads, files and blobs there are."""
    tables = (
        "registry_registeredmodel",
        "registry_modelversion",
        "registry_upload",
        "registry_uploadfile",
        "blobs_blob",
    )
    return [stack.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables]


@pytest.mark.parametrize(
    ("head", "media"),
    [
        ("POST /api/v1/models", "application/json"),
        ("PATCH /api/v1/models/wire", "application/json"),
        ("POST /api/v1/uploads", "application/json"),
        ("POST /api/v1/models/wire/versions", "multipart/form-data; boundary=b"),
        ("PUT /api/v1/models/wire/tags/k", "application/json"),
    ],
)
def test_two_gigabytes_are_refused_before_they_are_sent(
    stack: Stack, team: Team, head: str, media: str
) -> None:
    before, began = rows(stack), time.monotonic()
    with closing(Wire(stack, team, head, Content_Type=media, Content_Length=str(TWO_GIGABYTES))) as wire:
        wire.send(iter([b'{"name": "']))
        status, problem = wire.answer()
    assert (status, problem["code"]) == (413, "too_large"), problem
    assert "bytes" in problem["detail"]
    assert time.monotonic() - began < 10
    assert rows(stack) == before


def chunks(count: int, size: int = 64 * 1024) -> Iterator[bytes]:
    """A text in JSON that does not end."""
    yield b'a\r\n{"name": "\r\n'
    for _ in range(count):
        yield f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"


def test_a_body_without_a_length_is_cut_at_the_limit(stack: Stack, team: Team) -> None:
    with closing(
        Wire(stack, team, "POST /api/v1/models", Content_Type="application/json", Transfer_Encoding="chunked")
    ) as wire:
        wire.send(chunks(8))
        wire.send(iter([b"0\r\n\r\n"]))
        assert wire.answer()[0] == 400  # half a megabyte is read, and is no JSON
    before, memory = rows(stack), stack.peak_memory("web")
    with closing(
        Wire(stack, team, "POST /api/v1/models", Content_Type="application/json", Transfer_Encoding="chunked")
    ) as wire:
        wire.connection.settimeout(5)
        with suppress(TimeoutError):  # nobody reads on
            wire.send(chunks(TWO_GIGABYTES // 65_536))
        status, problem = wire.answer()
        sent = wire.sent
    assert (status, problem["code"]) == (413, "too_large"), problem
    assert sent < 32 * JSON_LIMIT
    assert stack.peak_memory("web") - memory < 16 * JSON_LIMIT
    assert rows(stack) == before
    assert stack.ready()


def test_a_json_body_in_chunks_is_read_like_any_other(stack: Stack, team: Team) -> None:
    with stack.client(team.token) as maker:
        body = json.dumps({"name": "in chunks", "team": team.slug}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": "chunks-1"}
        first = maker.post("models", content=iter([body[:9], body[9:]]), headers=headers)
        assert (first.status_code, first.json()["name"]) == (201, "in chunks")
        again = maker.post("models", content=iter([body[:5], body[5:]]), headers=headers)
        assert again.headers["Idempotency-Replayed"] == "true"
        other = maker.post("models", content=iter([body.replace(b"in", b"by")]), headers=headers)
        assert other.json()["code"] == "idempotency_key_reused"


def test_more_bytes_than_announced_are_refused_as_they_come(stack: Stack, team: Team) -> None:
    with stack.client(team.token) as maker:
        metadata = {"files": [{"path": "m", "size": 2_048, "sha256": "0" * 64}]}
        upload = maker.post("uploads", json={"model": MODEL, "metadata": metadata}).json()["id"]
    before, memory = rows(stack), stack.peak_memory("web")
    head = f"PUT /api/v1/uploads/{upload}/files/m"
    with closing(Wire(stack, team, head, Content_Length=str(TWO_GIGABYTES))) as wire:
        wire.send(iter([bytes(65_536)]))
        status, problem = wire.answer()
    assert (status, problem["code"]) == (422, "size_mismatch")
    assert stack.peak_memory("web") - memory < 16 * JSON_LIMIT
    assert rows(stack) == before
    assert not list((stack.home / "blobs").rglob("*.part*"))


SPELLINGS = [
    "../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%2e%2e%2fetc%2fpasswd",
    "%252e%252e%252fetc%252fpasswd",
    "%c0%ae%c0%ae/etc/passwd",
    "..\\..\\etc\\passwd",
    "..%5c..%5cetc%5cpasswd",
    "a/../../../etc/passwd",
    "a/./b.bin",
    "a//b.bin",
    "a/b.bin/",
    "a/b.bin.",
    "a/b.bin%20",
    "a/b.bin%00",
    "a/b.bin%00.txt",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "C:/windows/win.ini",
    "C:%5cwindows%5cwin.ini",
    "file:///etc/passwd",
    "a%EF%BC%8Fb.bin",  # full-width solidus
    "%EF%BC%8E%EF%BC%8E/etc/passwd",  # full-width full stops
    "a%E2%88%95b.bin",  # division slash
    "%E2%80%A5/etc/passwd",  # two dot leader
    "A/B.BIN",
    "a%e2%80%8b/b.bin",  # zero width space
    "%ff%fe",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_path_leads_out(stack: Stack, team: Team, spelling: str) -> None:
    with stack.client(team.token) as maker:
        upload = maker.post("uploads", json={"model": MODEL}).json()["id"]
    before = rows(stack)
    for head in (
        f"GET /api/v1/models/{MODEL}/versions/1/files/{spelling}",
        f"PUT /api/v1/uploads/{upload}/files/{spelling}",
        f"GET /static/{spelling}",
        f"GET /models/{MODEL}/versions/1/files/{spelling}",
    ):
        if head.startswith("PUT") and spelling == "A/B.BIN":
            continue  # a good name, only not the one that exists
        status, body = ask(stack, team, head, Content_SHA256="0" * 64, Content_Length="0")
        assert status in (302, 303, 400, 404, 422), f"{head}: {status}"
        assert b"root:" not in (body if isinstance(body, bytes) else json.dumps(body).encode())
        if head.startswith(("GET /api", "PUT /api")) and isinstance(body, dict):
            assert body["code"] in ("bad_path", "not_found", "bad_request", "digest_needed"), body
    assert rows(stack) == before
    with stack.client(team.token) as maker:
        assert maker.get(f"models/{MODEL}/versions/1/files/a/b.bin").content == b"the bytes"
        maker.delete(f"uploads/{upload}").raise_for_status()


def test_a_token_in_a_url_is_refused_and_logged_nowhere(stack: Stack, team: Team) -> None:
    for name in ("token", "access_token", "x"):
        status, problem = ask(stack, team, f"GET /api/v1/me?{name}={team.token}", Authorization="")
        assert (status, problem["code"]) == (401, "token_in_url")
        assert team.token not in json.dumps(problem)
    status, _ = ask(stack, team, f"GET /models/?q={team.token}", Authorization="")
    assert status in (302, 303, 400)
    assert team.token not in stack.log("web")


def test_another_host_is_refused(stack: Stack, team: Team) -> None:
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:80",
        "127.0.0.1, evil.example",
        "[::1",
        "",
    ):
        status, problem = ask(stack, team, "GET /api/v1/me", Host=host)
        assert status == 400, host
        if isinstance(problem, dict):
            assert problem["code"] == "bad_host"
            assert "evil" not in json.dumps(problem)
    status, _ = ask(stack, team, "GET /models/", Host="evil.example")
    assert status == 400
    listed = stack.client(team.token).get(
        "models", params={"page_size": 1}, headers={"X-Forwarded-Host": "evil.example"}
    )
    assert "evil" not in listed.text
