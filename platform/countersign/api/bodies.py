"""JSON bodies, read strictly: what two readers could take for two things is refused, with what to do.

Refused are: more bytes than allowed (at once where the length is announced, at the limit in chunks), another
encoding than UTF-8, a byte order mark, a key that comes twice, NaN and infinities, numbers beyond 64 bits, half a
surrogate pair, and nesting deeper than 64.
"""

from __future__ import annotations

import json
import math
import re
from io import BytesIO
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from countersign.errors import TooLarge

MEDIA_TYPE = "application/json"
DEEPEST = 64
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class JSONParser(BaseParser):
    """DRF's parser of JSON bodies. Raises ParseError, UnsupportedMediaType (another charset), RequestDataTooBig."""

    media_type = MEDIA_TYPE

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The value of the body."""
        _, parameters = parse_header_parameters(media_type or "")
        if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(
                media_type or MEDIA_TYPE, "JSON is UTF-8. Send it so, without another charset."
            )
        raw: bytes = parser_context["request"]._request.body
        try:
            return loads(raw.decode())
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8 at byte {error.start}. Send JSON in UTF-8.") from None
        except ValueError as error:
            raise ParseError(
                f"The body is no JSON that has one meaning: {error}. Mend it, then send it again."
            ) from None


def hold_chunks(request: HttpRequest) -> None:
    """Read a JSON body that comes in chunks, which Django would take for empty, so that it is like any other. Call
    it once it is known that the actor may. Raises TooLarge at the limit."""
    if request.content_type != MEDIA_TYPE or not in_chunks(request):
        return
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    reader, held = reader_of(request), bytearray()
    while len(held) <= limit and (block := reader.read(min(64 * 1024, limit + 1 - len(held)))):
        held += block
    if len(held) > limit:
        raise TooLarge(f"The body is larger than {limit:,} bytes. Send files to an upload instead.")
    request._body = bytes(held)  # where Django keeps a body it has read
    request._stream = BytesIO(request._body)
    request.META["CONTENT_LENGTH"] = str(len(held))


def in_chunks(request: HttpRequest) -> bool:
    """Whether the body comes in chunks, without a length."""
    return "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()


def reader_of(request: HttpRequest) -> Any:
    """The body as an object with `read(size)`. Django reads nothing of a body in chunks (it has no length),
    so that one comes straight from the server, which ends it."""
    if in_chunks(request) and request.META.get("wsgi.input_terminated"):
        return request.META["wsgi.input"]
    return request


def loads(text: str) -> Any:
    """The value of JSON text. Raises ValueError, whose words say what is wrong and where."""
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a byte order mark; leave that out")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_real,
            parse_constant=_no_constant,
        )
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _look(value, strings=_SURROGATE.search(text) is not None)
    return value


_TOO_DEEP = f"it is nested deeper than {DEEPEST} levels"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:80]!r} comes twice in one object")
    return made


def _whole(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= (number := int(digits)) < 2**64:
        raise ValueError(f"the number {digits[:20]}… has more than 64 bits; send it as text")
    return number


def _real(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"the number {digits[:20]} is larger than any double; send it as text")
    return number


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON; where it may be sent, it is the text {json.dumps(word)}")


def _look(value: Any, *, strings: bool) -> None:
    """Refuse deep nesting and, where there are any escapes of them, halves of surrogate pairs."""
    level, depth = [value], 0
    while level:
        depth += 1
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()
                if strings:
                    inner += one.keys()
            elif isinstance(one, list):
                inner += one
            elif strings and isinstance(one, str) and any("\ud800" <= letter <= "\udfff" for letter in one):
                raise ValueError("a text holds half a surrogate pair; escape both halves, or send the letter")
        if inner and depth > DEEPEST:
            raise ValueError(_TOO_DEEP)
        level = inner
