"""Blobs are handed out as downloads that no browser runs, whole or in one range, named by their digest."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.wsgi import LimitedStream
from django.http.response import HttpResponseBase
from django.test import RequestFactory
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from countersign.blobs.bodies import announced_sha256, announced_size, body_blocks
from countersign.blobs.models import Blob
from countersign.blobs.serving import RangeNotSatisfiable, serve_blob
from countersign.blobs.store import receive
from countersign.errors import Invalid

pytestmark = pytest.mark.django_db  # closing a response looks at the connection

CONTENT = b"0123456789"


@pytest.fixture
def blob(tmp_path: Path, settings: Any) -> Blob:
    """Ten bytes in a storage of the test's own."""
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"
    incoming = receive([CONTENT], size=None, expected_sha256=None, limit=100)
    return Blob(sha256=incoming.sha256, size=incoming.size, key=incoming.key)


def serve(blob: Blob, filename: str = "model.skops", method: str = "GET", **headers: str) -> HttpResponseBase:
    """The response to a request with these headers."""
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return serve_blob(RequestFactory().generic(method, "/", **named), blob, filename)


def body(response: HttpResponseBase) -> bytes:
    """All bytes of a response."""
    return response.getvalue() if response.streaming else response.content  # type: ignore[attr-defined]


def test_the_whole_is_an_attachment_named_by_its_digest(blob: Blob) -> None:
    response = serve(blob)
    assert (response.status_code, body(response)) == (200, CONTENT)
    assert response["ETag"] == f'"{blob.sha256}"'
    assert response["Content-Length"] == "10"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="model.skops"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox")
    assert response["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, CONTENT, "bytes 0-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=4-2", 200, CONTENT, None),
        ("bytes=0-1,3-4", 200, CONTENT, None),
        ("bytes=-", 200, CONTENT, None),
        ("items=0-1", 200, CONTENT, None),
        ("bytes=a-b", 200, CONTENT, None),
        ("bytes=١-٢", 200, CONTENT, None),
    ],
)
def test_one_range(blob: Blob, asked: str, status: int, content: bytes, content_range: str | None) -> None:
    response = serve(blob, range=asked)
    assert (response.status_code, body(response)) == (status, content)
    assert response.get("Content-Range") == content_range


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_a_range_behind_the_end_is_said(blob: Blob, asked: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refused:
        serve(blob, range=asked)
    assert (refused.value.status, refused.value.headers) == (416, {"Content-Range": "bytes */10"})


def test_a_range_of_other_bytes_gets_the_whole(blob: Blob) -> None:
    same, other = (
        serve(blob, range="bytes=0-1", if_range=f'"{blob.sha256}"'),
        serve(blob, range="bytes=0-1", if_range='"other"'),
    )
    assert (same.status_code, other.status_code) == (206, 200)


def test_head_opens_and_closes(blob: Blob) -> None:
    response = serve(blob, method="HEAD")
    assert response["Content-Length"] == "10"
    response.close()


@pytest.mark.parametrize(
    ("known", "status"),
    [("{}", 304), ('"x", {}', 304), ("W/{}", 304), ("*", 304), ('"x"', 200), ("", 200)],
)
def test_what_the_client_has_is_not_sent_again(blob: Blob, known: str, status: int) -> None:
    response = serve(blob, if_none_match=known.replace("{}", f'"{blob.sha256}"'))
    assert response.status_code == status
    assert response["ETag"] == f'"{blob.sha256}"'
    response.close()


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@given(st.text(max_size=60))
def test_no_name_breaks_the_header(blob: Blob, name: str) -> None:
    response = serve(blob, filename=name)
    assert response["Content-Disposition"].startswith("attachment")
    assert "\n" not in response["Content-Disposition"]
    assert "/" not in response["Content-Disposition"].replace("utf-8''", "")
    response.close()


def test_zero_bytes(tmp_path: Path, settings: Any) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"
    incoming = receive([], size=0, expected_sha256=None, limit=100)
    empty = Blob(sha256=incoming.sha256, size=0, key=incoming.key)
    assert (serve(empty).status_code, body(serve(empty))) == (200, b"")
    with pytest.raises(RangeNotSatisfiable):
        serve(empty, range="bytes=0-")


def test_a_body_shorter_than_announced_was_cut() -> None:
    request = RequestFactory().put("/", b"12345", content_type="application/octet-stream")
    request.META["CONTENT_LENGTH"] = "10"
    request._stream = LimitedStream(io.BytesIO(b"12345"), 10)  # type: ignore[assignment]
    with pytest.raises(Invalid) as raised:
        list(body_blocks(request))
    assert raised.value.code == "upload_cut"


def test_a_client_that_goes_away_cut_its_upload() -> None:
    class Gone:
        def read(self, size: int) -> bytes:
            raise ConnectionResetError

    request = RequestFactory().put("/", b"12345", content_type="application/octet-stream")
    request._stream = Gone()  # type: ignore[assignment]
    with pytest.raises(Invalid) as raised:
        list(body_blocks(request))
    assert raised.value.code == "upload_cut"


def test_the_announced_digest_is_read_in_each_form() -> None:
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    forms: list[dict[str, Any]] = [
        {"headers": {"Content-SHA256": digest}},
        {"headers": {"Content-Digest": "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"}},
        {"query_params": {"sha256": digest.upper()}},
    ]
    for form in forms:
        assert announced_sha256(RequestFactory().put("/", **form)) == digest
    assert announced_sha256(RequestFactory().put("/")) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-SHA256": "short"},
        {"Content-Digest": "sha-256=:not base64:"},
        {
            "Content-SHA256": "0" * 64,
            "Content-Digest": "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:",
        },
    ],
)
def test_a_wrong_announcement_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        announced_sha256(RequestFactory().put("/", headers=headers))


def test_the_announced_size() -> None:
    request = RequestFactory().put("/", b"123")
    assert announced_size(request) == 3
    request.META["CONTENT_LENGTH"] = "-1"
    with pytest.raises(Invalid):
        announced_size(request)
    request.META |= {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    assert announced_size(request) is None
