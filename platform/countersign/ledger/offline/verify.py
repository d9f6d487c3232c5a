"""Check an audit bundle offline; trusts nobody but the keys you give it.

python3 -I verify.py BUNDLE.zip --key LOG_KEY --export-key EXPORT_KEY [--witness KEY]...

Needs Python 3.11 and its standard library, no network. Take this file and the keys from the project or from
an earlier visit, not from the bundle: a verifier handed over by the suspect proves nothing. Keys are the
one-line form of C2SP signed notes, name+id+base64. Exits 0 when everything holds; else names the file that
does not.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

MANIFEST, MANIFEST_NOTE = "manifest.json", "manifest.note"
CHECKPOINT, INDEXES = "ledger/checkpoint", "ledger/indexes"
ENTRIES, PROOF = "ledger/entries.jsonl.gz", "ledger/proof.bin"
CHUNK = 1 << 20

Files = dict[str, tuple[int, int]]
"""Path of each member: where its bytes begin in the container, and how many they are."""


class Bad(Exception):
    """Something does not hold: `path: sentence`."""


# --- Ed25519 (RFC 8032) ------------------------------------------------------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int, int, int]


def decode_point(packed: bytes) -> Point | None:
    """A point in extended coordinates; None when the bytes are no point (RFC 8032, 5.1.3)."""
    number = int.from_bytes(packed, "little")
    y, odd = number & (1 << 255) - 1, number >> 255
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (v * x * x - u) % P or (x == 0 and odd):
        return None
    x = P - x if x & 1 != odd else x
    return x, y, 1, x * y % P


def add_points(p: Point, q: Point) -> Point:
    """Sum of two points (RFC 8032, 5.1.4)."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * D * p[3] * q[3], 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


BASE: Point = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is the public key's over the message (RFC 8032, 5.1.7)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, s = decode_point(public), int.from_bytes(signature[32:], "little")
    if key is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    minus = (P - key[0], key[1], 1, P - key[3])
    table, r = {1: BASE, 2: minus, 3: add_points(BASE, minus)}, (0, 1, 1, 0)
    for bit in range(252, -1, -1):  # s·BASE - k·key in one pass
        r = add_points(r, r)
        bits = s >> bit & 1 | (k >> bit & 1) << 1
        r = add_points(r, table[bits]) if bits else r
    inverse = pow(r[2], -1, P)
    return (r[1] * inverse % P | (r[0] * inverse % P & 1) << 255).to_bytes(32, "little") == signature[:32]


# --- signed notes (C2SP signed-note, tlog-cosignature) -----------------------------------------------------
def open_note(path: str, note: bytes, keys: Sequence[str]) -> tuple[str, dict[str, int | None]]:
    """The text of a note and who of `keys` signed it, with the time of a cosignature. The first key must
    have; a key that is known and fails refuses the note, unknown ones are ignored. Raises Bad."""
    try:
        text, gap, block = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise Bad(f"{path}: is not UTF-8") from None
    if not gap or not block.endswith("\n"):
        raise Bad(f"{path}: is not a signed note")
    text, signers = text + "\n", {}
    for key in keys:
        name, key_id, encoded = key.split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        if hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] != key_id or len(raw) != 33:
            raise Bad(f"the key given for {name} is mistyped")
        for line in block[:-1].split("\n"):
            if not line.startswith(f"\u2014 {name} "):
                continue
            signature = decode(path, line.split(" ")[2])
            if signature[:4].hex() != key_id:
                continue
            stamp = int.from_bytes(signature[4:12], "big") if raw[0] == 4 else None
            signed = text if stamp is None else f"cosignature/v1\ntime {stamp}\n{text}"
            if not ed25519(raw[1:], signature[4 if stamp is None else 12 :], signed.encode()):
                raise Bad(f"{path}: the signature of {name} does not verify")
            signers[name] = stamp
    if keys[0].split("+")[0] not in signers:
        raise Bad(f"{path}: is not signed by {keys[0]}")
    return text, signers


def decode(path: str, encoded: str) -> bytes:
    """Base64, strictly. Raises Bad."""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        raise Bad(f"{path}: holds something that is not base64") from None


# --- container: members are stored, and (name, size, crc) decides every byte of every header ---------------
MAX = 2**32 - 1


def local_header(name: bytes, size: int, crc: int) -> bytes:
    """The header before a member's bytes: stored, no time, sizes in the ZIP64 field."""
    fixed = struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0x800, 0, 0, 33, crc, MAX, MAX, len(name), 20)
    return fixed + name + struct.pack("<HHQQ", 1, 16, size, size)


def directory(members: Sequence[tuple[bytes, int, int, int]], start: int) -> bytes:
    """The ZIP64 central directory of members (name, size, crc, offset) that begins at `start`, to the end."""
    out = b""
    for name, size, crc, at in members:
        out += struct.pack("<IHHHHHHIII", 0x02014B50, 0x32D, 45, 0x800, 0, 0, 33, crc, MAX, MAX)
        out += struct.pack("<HHHHHII", len(name), 28, 0, 0, 0, 0o100644 << 16, MAX)
        out += name + struct.pack("<HHQQQ", 1, 24, size, size, at)
    count, end = len(members), start + len(out)
    out += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x32D, 45, 0, 0, count, count, end - start, start)
    out += struct.pack("<IIQI", 0x07064B50, 0, end, 1)
    return out + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 65535, 65535, MAX, MAX, 0)


def read_container(file: BinaryIO, export_key: str) -> Files:
    """Where each member is. The manifest comes first, then the note that signs it, then exactly what it
    lists; every byte of the container is accounted for. Raises Bad."""
    members: list[tuple[bytes, int, int, int]] = []
    files: Files = {}
    wanted, listed = [MANIFEST, MANIFEST_NOTE], {}
    digest = ""
    while True:
        at = file.tell()
        head = file.read(30)
        if head[:4] != b"PK\3\4" or len(head) < 30:
            break
        path = wanted[len(members)] if len(members) < len(wanted) else "container"
        length, crc = struct.unpack("<H", head[26:28])[0], struct.unpack("<I", head[14:18])[0]
        name, extra = file.read(length), file.read(20)
        size = struct.unpack("<Q", extra[4:12])[0] if len(extra) == 20 else 0
        if name != path.encode() or head + name + extra != local_header(name, size, crc):
            raise Bad(f"{path}: its header in the container was altered")
        start, found, check = file.tell(), hashlib.sha256(), 0
        left = size
        while left and (chunk := file.read(min(left, CHUNK))):
            found.update(chunk)
            check, left = zlib.crc32(chunk, check), left - len(chunk)
        if left or check != crc:
            raise Bad(f"{path}: its bytes were altered or cut off")
        members.append((name, size, crc, at))
        files[path] = start, size
        if path == MANIFEST:
            digest = found.hexdigest()
        elif path == MANIFEST_NOTE:
            read = Reader(file, files)
            check_manifest_note(read(MANIFEST_NOTE), digest, export_key)
            listed = {
                item["path"]: (item["size"], item["sha256"]) for item in json.loads(read(MANIFEST))["files"]
            }
            wanted += listed
            file.seek(start + size)
        elif listed[path] != (size, found.hexdigest()):
            raise Bad(f"{path}: its bytes are not those the manifest lists")
    file.seek(at)
    if len(members) < len(wanted):
        raise Bad(f"{wanted[len(members)]}: is missing, or its header in the container was altered")
    if file.read() != directory(members, at):
        raise Bad("container: its directory was altered")
    return files


def check_manifest_note(note: bytes, digest: str, export_key: str) -> None:
    """The note names the exporter and the manifest's sha256, and nothing else. Raises Bad."""
    text, _ = open_note(MANIFEST_NOTE, note, [export_key])
    if text != f"{export_key.split('+')[0]}\n{digest}\n":
        raise Bad(f"{MANIFEST}: is not the one that was signed")


class Reader:
    """Reads members that the container check found whole; `log_keys` are the log's key and the witnesses'."""

    def __init__(self, file: BinaryIO, files: Files, log_keys: Sequence[str] = ()) -> None:
        self._file, self._files, self.log_keys = file, files, list(log_keys)

    def _place(self, path: str) -> tuple[int, int]:
        if path not in self._files:
            raise Bad(f"{path}: is missing")
        return self._files[path]

    def __call__(self, path: str) -> bytes:
        """All bytes of a member. Raises Bad."""
        start, size = self._place(path)
        self._file.seek(start)
        return self._file.read(size)

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines of a gzipped member, in constant memory. Raises Bad."""
        at, left = self._place(path)
        unpacker, tail = zlib.decompressobj(31), b""
        while left:
            self._file.seek(at)
            chunk = self._file.read(min(left, 1 << 16))
            at, left = at + len(chunk), left - len(chunk)
            try:
                *whole, tail = (tail + unpacker.decompress(chunk)).split(b"\n")
            except zlib.error:
                raise Bad(f"{path}: is not gzip") from None
            yield from whole
        if tail or not unpacker.eof or unpacker.unused_data:
            raise Bad(f"{path}: is cut off or has something behind its end")


# --- the ledger: every entry of the bundle leads to the signed root ----------------------------------------
def root_of(size: int, indexes: Iterator[int], leaves: Iterator[bytes], proof: BinaryIO) -> bytes:
    """The root that the entries at `indexes` (ascending) lead to, with one proof for all of them: in order,
    the roots of the largest subtrees that hold none. Raises Bad when something is left over or missing."""
    following = next(indexes, size)

    def walk(low: int, high: int) -> bytes:
        nonlocal following
        if following >= high:
            return proof.read(32)
        if high - low == 1:
            leaf = next(leaves, None)
            if following != low or leaf is None:
                raise Bad(f"{INDEXES}: the indexes are not ascending, or more than the entries")
            following = next(indexes, size)
            return hashlib.sha256(b"\0" + leaf).digest()
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        return hashlib.sha256(b"\1" + walk(low, middle) + walk(middle, high)).digest()

    root = walk(0, size) if size else hashlib.sha256(b"").digest()
    if next(leaves, None) is not None or next(indexes, None) is not None:
        raise Bad(f"{INDEXES}: fewer indexes than entries, or beyond the checkpoint")
    if proof.read(1):
        raise Bad(f"{PROOF}: holds more than the proof")
    return root


def check_ledger(files: Files, read: Reader) -> str:
    """The entries are those of the log the keys belong to, at the places the bundle says. Raises Bad."""
    text, signers = open_note(CHECKPOINT, read(CHECKPOINT), read.log_keys)
    lines = text.split("\n")
    origin = read.log_keys[0].split("+")[0]
    if len(lines) != 4 or lines[0] != origin or not lines[1].isdecimal():
        raise Bad(f"{CHECKPOINT}: is not a checkpoint of {origin}")
    size, root = int(lines[1]), decode(CHECKPOINT, lines[2])
    try:
        runs = [
            (int(first), int(count)) for first, count in map(str.split, read(INDEXES).decode().splitlines())
        ]
    except ValueError:
        raise Bad(f"{INDEXES}: is not a list of runs") from None
    indexes = (index for first, count in runs for index in range(first, first + count))
    if root_of(size, indexes, read.lines(ENTRIES), io.BytesIO(read(PROOF))) != root:
        raise Bad(f"{ENTRIES}: the entries do not lead to the signed root")
    names = ", ".join(
        name if stamp is None else f"{name} (not later than {stamp} s after 1970)"
        for name, stamp in signers.items()
    )
    return f"{origin}: {sum(count for _, count in runs)} of {size} entries, signed by {names}"


CHECKS: list[Callable[[Files, Reader], str]] = [check_ledger]
"""One function for each part of a bundle: it raises Bad, or says in a line what holds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one bundle; 0 when it holds."""
    parser = argparse.ArgumentParser(description="Check an audit bundle offline.")
    parser.add_argument("bundle")
    parser.add_argument("--key", required=True, help="verifier key of the log")
    parser.add_argument("--export-key", required=True, help="verifier key of the exporter")
    parser.add_argument("--witness", action="append", default=[], help="verifier key of a witness")
    given = parser.parse_args(arguments)
    try:
        with open(given.bundle, "rb") as file:
            files = read_container(file, given.export_key)
            read = Reader(file, files, [given.key, *given.witness])
            for check in CHECKS:
                print(check(files, read))
    except Bad as bad:
        print(f"DOES NOT HOLD: {bad}", file=sys.stderr)
        return 1
    except (ValueError, LookupError, TypeError, OSError, struct.error) as error:
        print(f"DOES NOT HOLD: {given.bundle}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"HOLDS: {len(files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
