"""Request bodies as blocks, read from the server and never held whole."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from django.http import HttpRequest

from countersign.api.bodies import in_chunks, reader_of
from countersign.blobs.store import BLOCK, sha256_of_text
from countersign.errors import Invalid

READ = 64 * 1024


def announced_size(request: HttpRequest) -> int | None:
    """The length of the body as announced; None for a body in chunks. Raises Invalid for what is no
    length."""
    header = request.META.get("CONTENT_LENGTH") or ""
    if not header:
        return None if in_chunks(request) else 0
    if not header.isascii() or not header.isdigit():
        raise Invalid("Content-Length is not a whole number.", code="bad_request")
    return int(header)


def announced_sha256(request: HttpRequest) -> str | None:
    """The digest of the body as announced: `Content-SHA256` in hexadecimal, `Content-Digest` (RFC 9530,
    sha-256), or `?sha256=`. Raises Invalid (bad_digest), also when two of them differ."""
    found = set()
    if header := request.headers.get("Content-SHA256"):
        found.add(sha256_of_text(header))
    if parameter := request.GET.get("sha256"):
        found.add(sha256_of_text(parameter))
    for part in request.headers.get("Content-Digest", "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "sha-256":
            found.add(_hexadecimal(value))
    if len(found) > 1:
        raise Invalid("The request announces two different SHA-256 digests.", code="bad_digest")
    return found.pop() if found else None


def _hexadecimal(structured: str) -> str:
    try:
        return sha256_of_text(base64.b64decode(structured.strip(":"), validate=True).hex())
    except (binascii.Error, ValueError) as error:
        raise Invalid("Content-Digest should look like sha-256=:base64:.", code="bad_digest") from error


def body_blocks(request: HttpRequest) -> Iterator[bytes]:
    """The body in blocks of at most BLOCK bytes. Raises Invalid (upload_cut) where fewer bytes arrive than
    were announced. A body in chunks that is cut ends like a whole one: demand its digest."""
    size, total, reader = announced_size(request), 0, reader_of(request)
    while True:
        try:
            block = reader.read(min(READ, BLOCK))
        except OSError as error:
            raise cut(total) from error
        if not block:
            break
        total += len(block)
        yield block
    if size is not None and total < size:
        raise cut(total)


def cut(total: int) -> Invalid:
    """The connection ended before the body did."""
    return Invalid(
        f"The upload was cut after {total:,} bytes. Nothing was kept: send it again.", code="upload_cut"
    )
