"""Identifiers of rows and entries (UUID version 7, so that they sort by the time they were made) and names
as they are compared."""

from __future__ import annotations

import secrets
import time
import unicodedata
from uuid import UUID


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80
    value |= 0x7 << 76
    value |= secrets.randbits(12) << 64
    value |= 0b10 << 62
    value |= secrets.randbits(62)
    return UUID(int=value)


def fold(name: str) -> str:
    """A name as it is compared: NFKC, case and spaces do not tell two names apart, so no look-alike passes."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
