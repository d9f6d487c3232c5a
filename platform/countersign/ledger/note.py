"""C2SP signed notes and checkpoints: text that a person can read, with signature lines below it.

Ed25519 (type 0x01) signs the text; a cosignature (0x04) signs `cosignature/v1`, its time and the text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LOG = b"\x01"
COSIGNATURE = b"\x04"
SIGNATURE_LIMIT = 100
_DASH = "\u2014"


class MalformedNote(ValueError):
    """The bytes are no signed note."""


class BadSignature(ValueError):
    """A key that is known did not make its signature, or no known key signed: the note counts for nothing."""


class MalformedKey(ValueError):
    """The text is no verifier key."""


def _decode(text: str, error: type[ValueError], what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise error(f"{what} is not base64") from None


def _valid_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Who may sign: a name, the type of signature, the public key (32 bytes)."""

    name: str
    kind: bytes
    public: bytes

    @classmethod
    def of(cls, name: str, key: Ed25519PrivateKey, kind: bytes = LOG) -> VerifierKey:
        """The verifier key of a signing key under a name."""
        return cls(name, kind, key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, vkey: str) -> VerifierKey:
        """Read `name+key id+base64`. Raises MalformedKey."""
        parts = vkey.split("+", 2)
        if len(parts) != 3 or not _valid_name(parts[0]):
            raise MalformedKey("a verifier key reads name+id+base64")
        body = _decode(parts[2], MalformedKey, "the key")
        key = cls(parts[0], body[:1], body[1:])
        if key.kind not in (LOG, COSIGNATURE) or len(key.public) != 32 or key.id.hex() != parts[1]:
            raise MalformedKey("the verifier key's id, type and key do not fit together")
        return key

    @property
    def id(self) -> bytes:
        """The 4 bytes a signature line begins with."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.kind + self.public).decode()}"

    def check(self, text: str, signature: bytes) -> int | None:
        """Check the bytes after the key id; the cosignature's time in seconds, None for a log's signature.
        Raises BadSignature."""
        stamp, message = None, text
        if self.kind == COSIGNATURE:
            stamp, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = f"cosignature/v1\ntime {stamp}\n{text}"
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message.encode())
        except (InvalidSignature, ValueError):
            raise BadSignature(f"the signature of {self.name} does not verify") from None
        return stamp


@dataclass(frozen=True, slots=True)
class Opened:
    """A note whose known signatures all verify: its text, and each known signer with its time (or None)."""

    text: str
    signers: dict[str, int | None]


def sign(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """The note of a text (which ends with a newline), signed once with type 0x01. Raises ValueError."""
    if not text.endswith("\n") or not _valid_name(name):
        raise ValueError("a note's text ends with a newline, and its signer's name has no space and no plus")
    raw = VerifierKey.of(name, key).id + key.sign(text.encode())
    return f"{text}\n{_DASH} {name} {base64.b64encode(raw).decode()}\n"


def open_note(note: str | bytes, keys: Sequence[VerifierKey]) -> Opened:
    """Check every signature of a known key. Unknown keys are ignored, as the specification asks; a known one
    that fails refuses the note. Raises MalformedNote, or BadSignature (also when no known key signed)."""
    text, block = _cut(note)
    by_id = {(key.name, key.id): key for key in keys}
    signers: dict[str, int | None] = {}
    for line in block:
        words = line.split(" ")
        if len(words) != 3 or words[0] != _DASH or not _valid_name(words[1]):
            raise MalformedNote("a signature line reads “— name base64”")
        raw = _decode(words[2], MalformedNote, "a signature")
        if len(raw) < 5:
            raise MalformedNote("a signature is too short")
        key = by_id.get((words[1], raw[:4]))
        if key is not None and key.name not in signers:
            signers[key.name] = key.check(text, raw[4:])
    if not signers:
        raise BadSignature("no signature of a known key")
    return Opened(text, signers)


def _cut(note: str | bytes) -> tuple[str, list[str]]:
    """The text, and the lines below its last empty line."""
    try:
        decoded = note if isinstance(note, str) else note.decode()
    except UnicodeDecodeError:
        raise MalformedNote("the note is not UTF-8") from None
    if any(character < " " and character != "\n" for character in decoded):
        raise MalformedNote("the note holds a control character")
    text, gap, block = decoded.rpartition("\n\n")
    if not gap or not block.endswith("\n"):
        raise MalformedNote("the note has no signature block")
    lines = block[:-1].split("\n")
    if len(lines) > SIGNATURE_LIMIT:
        raise MalformedNote(f"the note has more than {SIGNATURE_LIMIT} signatures")
    return text + "\n", lines


@dataclass(frozen=True, slots=True)
class Head:
    """What a checkpoint says: the log's name, how many leaves, the root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text to sign; no extension lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read a checkpoint's text. Raises MalformedNote."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0] or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]):
            raise MalformedNote("a checkpoint's text has three lines: origin, size, root")
        root = _decode(lines[2], MalformedNote, "the root")
        if len(root) != 32:
            raise MalformedNote("the root is not 32 bytes")
        return cls(lines[0], int(lines[1]), root)


def open_checkpoint(note: str | bytes, keys: Sequence[VerifierKey]) -> Head:
    """The head a checkpoint signs. It must be signed by a key of its own origin. Raises MalformedNote,
    BadSignature."""
    opened = open_note(note, keys)
    head = Head.parse(opened.text)
    if head.origin not in opened.signers:
        raise BadSignature(f"not signed by {head.origin}")
    return head
