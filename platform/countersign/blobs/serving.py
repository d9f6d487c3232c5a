"""Handing a blob to a client: a download that no browser runs, whole or one range of it (RFC 9110, section
14)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags

from countersign.blobs.models import Blob
from countersign.blobs.store import blocks_of, open_blob
from countersign.errors import CountersignError

_RANGE = re.compile(r"bytes=\s*(?P<first>[0-9]{0,19})-(?P<last>[0-9]{0,19})\s*", re.ASCII)


def serve_blob(request: HttpRequest, blob: Blob, filename: str) -> HttpResponseBase:
    """The bytes as an attachment called like the last segment of `filename`, in constant memory.

    The ETag is the digest. Answers `If-None-Match` with 304, one `Range` with 206;
    several ranges get the whole. Whether the actor may have the bytes is the caller's question. Raises
    RangeNotSatisfiable, BytesLost where the storage has them no more."""
    etag = f'"{blob.sha256}"'
    if _already_has(request.headers.get("If-None-Match", ""), etag):
        return _with_headers(HttpResponse(status=304), etag, filename)
    wanted = _wanted(request, etag, blob.size)
    first, last = wanted or (0, blob.size - 1)
    part = _Part(blob, first, last + 1 - first)
    response = StreamingHttpResponse(part, status=206 if wanted else 200)
    response["Content-Length"] = str(last + 1 - first)
    if wanted:
        response["Content-Range"] = f"bytes {first}-{last}/{blob.size}"
    return _with_headers(response, etag, filename)


def _already_has(header: str, etag: str) -> bool:
    return any(known in ("*", etag, f"W/{etag}") for known in parse_etags(header))


def _wanted(request: HttpRequest, etag: str, size: int) -> tuple[int, int] | None:
    """First and last byte of the one range asked for; None: the whole. Raises RangeNotSatisfiable."""
    header = request.headers.get("Range", "")
    if request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return None
    match = _RANGE.fullmatch(header)
    if match is None or (not match["first"] and not match["last"]):
        return None
    if not match["first"]:
        first, last = max(size - int(match["last"]), 0), size - 1
    else:
        first = int(match["first"])
        last = min(int(match["last"]), size - 1) if match["last"] else size - 1
        if match["last"] and int(match["last"]) < first:
            return None  # malformed: as if it were not there
    if first >= size or last < first:
        raise RangeNotSatisfiable(size)
    return first, last


class RangeNotSatisfiable(CountersignError):
    """A range that begins behind the last byte."""

    code = "range_not_satisfiable"
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(
            f"The file has {size:,} bytes, and this range lies outside. Ask for bytes before its end."
        )
        self.headers = {"Content-Range": f"bytes */{size}"}


class BytesLost(CountersignError):
    """The storage no longer has what a row names: restore it from a backup."""

    code = "bytes_lost"
    status = 500


class _Part:
    """Blocks of a part of a file; closed also where nobody asked for a block (a HEAD request)."""

    def __init__(self, blob: Blob, first: int, length: int) -> None:
        try:
            self._file = open_blob(blob)
        except FileNotFoundError as error:
            raise BytesLost(
                "The bytes of this file are missing from the storage, though it was received whole. Tell the "
                "operator."
            ) from error
        self._file.seek(first)
        self._blocks = blocks_of(self._file, length=length)

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def close(self) -> None:
        self._file.close()


def _with_headers(response: HttpResponseBase, etag: str, filename: str) -> HttpResponseBase:
    response["ETag"] = etag
    response["Content-Type"] = "application/octet-stream"
    response["Content-Disposition"] = content_disposition_header(True, _safe_name(filename)) or "attachment"
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = (
        "private, no-cache"  # the ETag makes asking again cheap; who may ask is asked anew
    )
    return response


def _safe_name(filename: str) -> str:
    name = re.split(r"[/\\]", filename)[-1]
    return "".join(c for c in name if unicodedata.category(c)[0] != "C").strip(". ") or "file"
