"""multipart/form-data (RFC 7578) streamed straight into the store: no temporary file of Django's, never a
whole body in memory, and a body without its last boundary is refused, which Django's own parser would take
for whole.

A part named `metadata` and parts without a file name are text. Every other part is a file: its path is the
part's name, or the file name where the part is called `file` or `files`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.utils.datastructures import MultiValueDict
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser, MultiPartParser

from countersign.api.bodies import JSONParser, reader_of
from countersign.blobs.bodies import READ, announced_size, cut
from countersign.blobs.store import Incoming, discard, receive
from countersign.errors import Invalid, TooLarge

HEADERS_LIMIT = 16 * 1024
TEXT_LIMIT = 2 * 1024 * 1024
PARTS_LIMIT = 2_000
FILE_FIELDS = ("file", "files")
METADATA = "metadata"

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


class ReceivedPart(UploadedFile):  # type: ignore[type-arg]  # not generic when it runs
    """A file part, already in the store; `path` is what the client called it, unchecked."""

    def __init__(self, path: str, incoming: Incoming) -> None:
        # Django would refuse a name such as “..” in words of its own.
        super().__init__(file=None, name="file", content_type="application/octet-stream", size=incoming.size)
        self.path = path
        self.incoming = incoming


@dataclass
class Parts:
    """What a body held: texts by name, files in their order."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, ReceivedPart]] = field(default_factory=list)

    def discard(self) -> None:
        """Remove the files from the store, where nothing came of them."""
        for _, file in self.files:
            discard(file.incoming)

    def as_django(self) -> tuple[QueryDict, MultiValueDict[str, Any]]:
        """The same in the shapes of `request.POST` and `request.FILES`."""
        texts, files = QueryDict(mutable=True), MultiValueDict[str, Any]()
        for name, text in self.texts:
            texts.appendlist(name, text)
        for name, file in self.files:
            files.appendlist(name, file)
        texts._mutable = False
        return texts, files


def parse_multipart(read: Callable[[int], bytes], *, boundary: str, size: int | None, limit: int) -> Parts:
    """Read a body of at most `limit` bytes. `size` is its announced length, None for a body in chunks.

    Raises Invalid (bad_multipart, upload_cut), TooLarge, NoRoom; then nothing of it stays in the store."""
    if size is not None and size > limit:
        raise TooLarge(
            f"The body announces {size:,} bytes; a multipart upload takes at most {limit:,}. Upload larger "
            "models "
            "step by step: open an upload and PUT each file."
        )
    parts = Parts()
    body = _Body(read, boundary, limit)
    try:
        body.skip_preamble()
        while (headers := body.next_part()) is not None:
            _take(parts, body, headers, limit)
            if len(parts.texts) + len(parts.files) > PARTS_LIMIT:
                raise Invalid(
                    f"More than {PARTS_LIMIT:,} parts. Upload step by step instead.", code="bad_multipart"
                )
    except BaseException:
        parts.discard()
        raise
    return parts


def _take(parts: Parts, body: _Body, headers: dict[str, str], limit: int) -> None:
    kind, parameters = _parameters(headers.get("content-disposition", ""))
    name, filename = parameters.get("name"), parameters.get("filename")
    if kind != "form-data" or name is None:
        raise _malformed("a part has no Content-Disposition: form-data with a name")
    if headers.get("content-transfer-encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
        raise _malformed(f"the part “{name[:80]}” is encoded for transfer; send the bytes as they are")
    if name == METADATA or filename is None:
        parts.texts.append((name, _text(name, body.part_blocks())))
        return
    incoming = receive(body.part_blocks(), size=None, expected_sha256=None, limit=limit)
    path = filename if name in FILE_FIELDS else name
    parts.files.append((name, ReceivedPart(path, incoming)))


def _parameters(header: str) -> tuple[str, dict[str, str]]:
    try:
        return parse_header_parameters(header)
    except (ValueError, LookupError) as error:
        raise _malformed("a part has headers that cannot be read") from error


def _text(name: str, blocks: Iterator[bytes]) -> str:
    held = bytearray()
    for block in blocks:
        held += block
        if len(held) > TEXT_LIMIT:
            raise TooLarge(f"The part “{name[:80]}” is text and may have at most {TEXT_LIMIT:,} bytes.")
    try:
        return held.decode()
    except UnicodeDecodeError as error:
        raise _malformed(f"the part “{name[:80]}” is not text in UTF-8") from error


def _malformed(what: str) -> Invalid:
    return Invalid(f"The multipart body cannot be read: {what}. Nothing was kept.", code="bad_multipart")


class _Body:
    """A cursor over the body. At most two blocks are held."""

    def __init__(self, read: Callable[[int], bytes], boundary: str, limit: int) -> None:
        self._read = read
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._limit = limit
        self._total = 0
        self._held = b"\r\n"  # so that the first boundary looks like the others
        self._inside = False

    def _fill(self) -> None:
        """Hold one more block. Raises Invalid (upload_cut) at the end of the body, TooLarge."""
        try:
            block = self._read(READ)
        except OSError as error:
            raise cut(self._total) from error
        if not block:
            raise cut(self._total)
        self._total += len(block)
        if self._total > self._limit:
            raise TooLarge(
                f"More than {self._limit:,} bytes arrived, which is the most a multipart upload takes."
            )
        self._held += block

    def _until_delimiter(self) -> Iterator[bytes]:
        """What stands before the next delimiter, which is consumed."""
        while (at := self._held.find(self._delimiter)) < 0:
            safe = len(self._held) - len(self._delimiter) + 1
            if safe > 0:
                ready, self._held = self._held[:safe], self._held[safe:]
                yield ready
            self._fill()
        ready, self._held = self._held[:at], self._held[at + len(self._delimiter) :]
        if ready:
            yield ready

    def skip_preamble(self) -> None:
        """Go behind the first boundary."""
        for _ in self._until_delimiter():
            pass

    def next_part(self) -> dict[str, str] | None:
        """Headers of the part that begins here, by lower-case name; None at the last boundary.

        What follows the last boundary is left unread: it carries no meaning."""
        while len(self._held) < 2:
            self._fill()
        if self._held.startswith(b"--"):
            return None
        while (start := self._held.find(b"\r\n")) < 0:
            if len(self._held) > HEADERS_LIMIT:
                raise _malformed("a boundary does not end its line")
            self._fill()
        if self._held[:start].strip(b" \t"):
            raise _malformed("a boundary does not end its line")
        self._held = self._held[start:]
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > HEADERS_LIMIT:
                raise _malformed(f"the headers of a part are longer than {HEADERS_LIMIT:,} bytes")
            self._fill()
        if end > HEADERS_LIMIT:
            raise _malformed(f"the headers of a part are longer than {HEADERS_LIMIT:,} bytes")
        raw, self._held = (
            self._held[:end],
            self._held[end + 2 :],
        )  # an empty part has its delimiter right here
        return _headers(raw)

    def part_blocks(self) -> Iterator[bytes]:
        """The bytes of the part whose headers were just read."""
        skip = 2  # the line end of the headers was left, for an empty part's delimiter to begin with
        for block in self._until_delimiter():
            yield block[skip:]
            skip = max(skip - len(block), 0)


def _headers(raw: bytes) -> dict[str, str]:
    try:
        lines = raw.decode().split("\r\n")
    except UnicodeDecodeError as error:
        raise _malformed("the headers of a part are not UTF-8") from error
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not line:
            continue
        if not colon:
            raise _malformed("a line among a part's headers is no header")
        headers[name.strip().lower()] = value.strip()
    return headers


def boundary_of(content_type: str) -> str:
    """The boundary a Content-Type names. Raises Invalid."""
    _, parameters = _parameters(content_type)
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise _malformed("the Content-Type names no boundary of 1 to 70 characters")
    return boundary


class BlobUploadHandler(FileUploadHandler):
    """Makes Django read `request.POST` and `request.FILES` with the parser above. An error of ours, raised
    where the body is read, is a CountersignError like any other."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  Django's name
        content_length: int,
        boundary: str,
        encoding: Any = None,
    ) -> tuple[QueryDict, MultiValueDict[str, Any]]:
        parts = parse_multipart(
            input_data.read,
            boundary=boundary_of(META["CONTENT_TYPE"]),
            size=content_length,
            limit=settings.MULTIPART_UPLOAD_LIMIT,
        )
        return parts.as_django()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        raise NotImplementedError("the parser above takes the whole body")

    def file_complete(self, file_size: int) -> None:
        raise NotImplementedError("the parser above takes the whole body")


class TakesParts:
    """Mixin of REST views that take multipart bodies, before APIView. The handler is set before
    authentication: to check the CSRF token of a session, Django reads the body."""

    parser_classes: Sequence[type[BaseParser]] = (MultiPartParser, JSONParser)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        request.upload_handlers = [BlobUploadHandler(request)]
        return super().initialize_request(request, *args, **kwargs)  # type: ignore[misc]


def read_parts(request: HttpRequest) -> Parts:
    """The multipart body of a POST to a view that is TakesParts. Call it once, after the permission is
    checked. Raises Invalid (bad_multipart, upload_cut), TooLarge, NoRoom."""
    if request.content_type != "multipart/form-data":
        raise Invalid("Send this as multipart/form-data.", code="bad_multipart")
    if (size := announced_size(request)) is None:  # in chunks: Django would take the body for empty
        boundary = boundary_of(request.META.get("CONTENT_TYPE", ""))
        read = reader_of(request).read
        return parse_multipart(read, boundary=boundary, size=size, limit=settings.MULTIPART_UPLOAD_LIMIT)
    try:
        texts, files = request.POST, request.FILES
    except MultiPartParserError as error:
        raise _malformed(str(error)) from error
    return Parts(
        [(name, text) for name, values in texts.lists() for text in values],
        [(name, file) for name, values in files.lists() for file in values if isinstance(file, ReceivedPart)],
    )
