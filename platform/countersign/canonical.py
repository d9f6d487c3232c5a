"""Canonical bytes of a ledger entry: RFC 8785 over a closed set of values. Format 1, final.

The set is closed so that every encoder agrees on the bytes: no floats, only ASCII keys (byte order is then
the UTF-16 order of RFC 8785), integers a double can count, and exact types, because orjson would silently
write a datetime, a UUID, an enum or a tuple.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

FORMAT = 1
INTEGER_LIMIT = 2**53 - 1
"""I-JSON (RFC 7493): beyond it a double cannot count."""
SIZE_LIMIT = 65_535
"""C2SP tlog-tiles: an entry has a uint16 length."""
DEPTH_LIMIT = 16


class NotCanonical(ValueError):
    """The value has no canonical form; the message says which part and what to write instead."""


def _check(value: Any) -> None:
    """Raise NotCanonical for anything outside the closed set. Walks level by level: a call for each value
    would cost more than the encoding."""
    level = [value]
    for depth in range(DEPTH_LIMIT + 1):
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if depth == DEPTH_LIMIT and (kind is dict or kind is list):
                raise NotCanonical(f"nested deeper than {DEPTH_LIMIT} levels")
            if kind is str:
                if "\0" in item:
                    raise NotCanonical("a string holds NUL, which PostgreSQL cannot read back: leave it out")
            elif kind is int:
                if not -INTEGER_LIMIT <= item <= INTEGER_LIMIT:
                    raise NotCanonical("an integer is beyond ±(2^53 - 1): write it as a string")
            elif kind is dict:
                for key in item:
                    if type(key) is not str or not key.isascii() or "\0" in key:
                        raise NotCanonical(f"the key {key!r} is not ASCII text")
                below += item.values()
            elif kind is list:
                below += item
            elif item is not None and kind is not bool:
                raise NotCanonical(f"a {kind.__name__} has no canonical form: write it as a string")
        if not below:
            return
        level = below


def canonical(value: Any, *, limit: int | None = SIZE_LIMIT) -> bytes:
    """The canonical bytes of a JSON value, at most `limit` of them (None: any number, for documents that
    are no entry). Raises NotCanonical for a value outside the closed set or too many bytes."""
    _check(value)
    try:
        encoded = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:  # a lone surrogate
        raise NotCanonical(str(error)) from error
    if limit is not None and len(encoded) > limit:
        raise NotCanonical(
            f"{len(encoded):,} bytes, and an entry holds at most {limit:,}: "
            "store the long part as a blob and record its digest"
        )
    return encoded


def digest(value: Any) -> str:
    """`sha256:` and the hexadecimal digest of the canonical bytes, of any length. Raises NotCanonical."""
    return "sha256:" + hashlib.sha256(canonical(value, limit=None)).hexdigest()


def is_canonical(encoded: bytes) -> bool:
    """Whether these bytes are exactly what `canonical` writes for what they say: also finds duplicate keys,
    floats, spaces, superfluous escapes and wrong order."""
    try:
        return canonical(orjson.loads(encoded)) == encoded
    except ValueError:
        return False
