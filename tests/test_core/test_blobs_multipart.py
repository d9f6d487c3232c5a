"""multipart/form-data is streamed into the store, and a body that is not whole is refused."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.test import RequestFactory

from countersign.blobs.multipart import (
    BlobUploadHandler,
    Parts,
    boundary_of,
    parse_multipart,
    read_parts,
)
from countersign.blobs.storage import storage
from countersign.errors import CountersignError, Invalid, TooLarge

BOUNDARY = "b0undary"
LIMIT = 2**20


@pytest.fixture(autouse=True)
def _own_storage(tmp_path: Path, settings: Any) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"


def everything() -> list[Path]:
    """Every file in the storage."""
    return [path for path in storage().root.rglob("*") if path.is_file()]  # type: ignore[attr-defined]


def part(headers: str, content: bytes) -> bytes:
    """One part."""
    return f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n"


def file_part(name: str, content: bytes, filename: str = "f") -> bytes:
    """One part with a file."""
    return part(f'Content-Disposition: form-data; name="{name}"; filename="{filename}"', content)


END = f"--{BOUNDARY}--\r\n".encode()
METADATA = part('Content-Disposition: form-data; name="metadata"', b'{"description": "x"}')


def reader(body: bytes, step: int = 0) -> Callable[[int], bytes]:
    """Reads of a body; `step` at most at once, as a slow network brings them."""
    source = io.BytesIO(body)
    return lambda size: source.read(min(size, step) if step else size)


def parse(body: bytes, *, step: int = 0, limit: int = LIMIT, size: int | None = None) -> Parts:
    """The body parsed."""
    return parse_multipart(reader(body, step), boundary=BOUNDARY, size=size, limit=limit)


def content_of(parts: Parts) -> dict[str, bytes]:
    """What arrived, by path."""
    found = {}
    for _, file in parts.files:
        with storage().open(file.incoming.key) as stored:
            found[file.path] = stored.read()
    return found


@pytest.mark.parametrize("step", [1, 2, 3, 7, 10, 64, 0])
def test_parts_are_found_however_the_bytes_arrive(step: int) -> None:
    tricky = b"\r\n--b0undar\r\n--\r\n\r\n--b0undaryX"[:20] + b"\r\n--b0undar"
    body = METADATA + file_part("model/model.skops", tricky) + file_part("empty", b"") + END
    parts = parse(body, step=step)
    assert parts.texts == [("metadata", '{"description": "x"}')]
    assert content_of(parts) == {"model/model.skops": tricky, "empty": b""}


def test_a_preamble_and_an_epilogue_mean_nothing() -> None:
    parts = parse(b"preamble\r\n" + file_part("a", b"1") + END + b"epilogue")
    assert content_of(parts) == {"a": b"1"}


@pytest.mark.parametrize(
    ("name", "filename", "path"),
    [
        ("model.skops", "x.bin", "model.skops"),
        ("files", "model.skops", "model.skops"),
        ("file", "model.skops", "model.skops"),
        ("files", "folder/model.skops", "folder/model.skops"),
        ("files", "../../etc/passwd", "../../etc/passwd"),  # unchecked here: manifests decide
        ("files", "größe.skops", "größe.skops"),
    ],
)
def test_the_path_is_the_name_or_the_file_name_of_files(name: str, filename: str, path: str) -> None:
    parts = parse(file_part(name, b"1", filename) + END)
    assert [file.path for _, file in parts.files] == [path]


def test_metadata_may_come_with_a_file_name() -> None:
    headers = (
        'Content-Disposition: form-data; name="metadata"; filename="m.json"\r\nContent-Type: application/json'
    )
    assert parse(part(headers, b"{}") + END).texts == [("metadata", "{}")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "upload_cut"),
        (file_part("a", b"1"), "upload_cut"),
        (file_part("a", b"1") + END[:-5], "upload_cut"),
        (file_part("a", b"1" * 100_000)[:70_000], "upload_cut"),
        (file_part("a", b"1") + b"--b0undary\r\nContent-Disp", "upload_cut"),
        (part("Content-Type: text/plain", b"1") + END, "bad_multipart"),
        (part('Content-Disposition: attachment; name="a"', b"1") + END, "bad_multipart"),
        (part("nonsense", b"1") + END, "bad_multipart"),
        (part('Content-Disposition: form-data; name="t"', b"\xff") + END, "bad_multipart"),
        (b"--b0undary trailing\r\n\r\n" + END, "bad_multipart"),
        (
            part(
                'Content-Disposition: form-data; name="a"; filename="a"\r\nContent-Transfer-Encoding: base64',
                b"MQ==",
            )
            + END,
            "bad_multipart",
        ),
        (part("X: " + "y" * 20_000, b"1") + END, "bad_multipart"),
    ],
)
def test_a_body_that_is_not_whole_or_no_multipart_leaves_nothing(body: bytes, code: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse(file_part("first", b"arrived whole") + body if body else body)
    assert raised.value.code == code
    assert everything() == []


def test_a_body_beyond_the_limit_leaves_nothing() -> None:
    body = file_part("first", b"1") + file_part("second", bytes(5000)) + END
    with pytest.raises(TooLarge, match="upload takes"):
        parse(body, limit=3000)
    with pytest.raises(TooLarge, match="step by step"):
        parse(body, limit=3000, size=len(body))
    assert everything() == []


def test_text_beyond_its_limit_is_refused() -> None:
    with pytest.raises(TooLarge):
        parse(
            file_part("first", b"1")
            + part('Content-Disposition: form-data; name="metadata"', bytes(3 * 1024 * 1024))
            + END,
            limit=2**30,
        )
    assert everything() == []


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(Invalid, match="parts"):
        parse(part('Content-Disposition: form-data; name="t"', b"1") * 2001 + END, limit=2**30)


def test_memory_stays_constant() -> None:
    block = bytes(64 * 1024)
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'.encode()
    pieces = [head, *[block] * 1600, b"\r\n" + END]
    source = iter(pieces)
    tracemalloc.start()
    try:
        parts = parse_multipart(lambda _: next(source, b""), boundary=BOUNDARY, size=None, limit=2**30)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert parts.files[0][1].incoming.size == 1600 * len(block)
    assert peak < 2 * 1024 * 1024


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 71],
)
def test_a_boundary_is_demanded(content_type: str) -> None:
    with pytest.raises(Invalid):
        boundary_of(content_type)


def request_with(body: bytes, **extra: Any) -> HttpRequest:
    """A POST as Django gets it, with our handler set."""
    request = RequestFactory().generic(
        "POST", "/", body, content_type=f"multipart/form-data; boundary={BOUNDARY}", **extra
    )
    request.upload_handlers = [BlobUploadHandler(request)]
    return request


def test_django_reads_a_page_s_body_with_the_same_parser() -> None:
    request = request_with(
        METADATA + file_part("files", b"1", "folder/a") + file_part("files", b"2", "b") + END
    )
    assert request.POST["metadata"] == '{"description": "x"}'
    assert [file.path for file in request.FILES.getlist("files")] == ["folder/a", "b"]  # type: ignore[attr-defined]
    assert content_of(read_parts(request)) == {"folder/a": b"1", "b": b"2"}


def test_django_would_have_taken_a_cut_body_for_whole() -> None:
    whole = METADATA + file_part("files", b"x" * 5000) + END
    with pytest.raises(Invalid, match="cut"):
        read_parts(request_with(whole[:3000]))
    assert everything() == []


def test_a_body_in_chunks_is_read_from_the_server() -> None:
    request = request_with(METADATA + file_part("a", b"1") + END)
    source = request.META["wsgi.input"]
    request.META |= {
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input_terminated": True,
        "wsgi.input": io.BytesIO(source.read()),
    }
    assert content_of(read_parts(request)) == {"a": b"1"}


def test_what_is_no_multipart_is_refused() -> None:
    with pytest.raises(Invalid, match="multipart"):
        read_parts(RequestFactory().post("/", b"{}", content_type="application/json"))


def test_errors_are_of_ours() -> None:
    assert issubclass(Invalid, CountersignError)
    assert not issubclass(RequestDataTooBig, CountersignError)
