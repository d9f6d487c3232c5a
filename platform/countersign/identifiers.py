"""Identifiers of rows and entries (UUID version 7, so that they sort by the time they were made) and names
as they are compared."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from uuid import UUID

# After Unicode Technical Standard 39 (confusables), for the scripts that share shapes with Latin, in lower
# case.
LOOK_ALIKES = str.maketrans(
    {
        **dict(zip("авекмнорстухіјѕԁһԛԝ", "abekmhopctyxijsdhqw", strict=True)),
        **dict(zip("αβεηικνορτυχϲϳ", "abenikvoptuxcj", strict=True)),
        **dict.fromkeys("‐‑‒–—―−⁃﹘", "-"),
        "ı": "i",
        "ɡ": "g",
        "ӏ": "l",
        "ɑ": "a",
    }
)


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


def mixes_look_alikes(name: str) -> bool:
    """Whether a word has Latin letters beside Cyrillic or Greek ones that are drawn like Latin: it can only be meant to
    be taken for another (Unicode Technical Standard 39, section 5.1). “β-testers” are two words."""
    return any(
        re.search("[a-z]", word)
        and any(
            ord(letter) in LOOK_ALIKES and unicodedata.name(letter, "").startswith(("CYRILLIC", "GREEK"))
            for letter in word
        )
        for word in re.findall(r"[^\W\d_]+", fold(name))
    )
