"""Check an audit bundle offline; trusts nobody but the keys you give it.

python3 -I verify.py BUNDLE.zip --key LOG_KEY --export-key EXPORT_KEY [--witness KEY]... [--old CHECKPOINT]...

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
import re
import struct
import sys
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

MANIFEST, MANIFEST_NOTE = "manifest.json", "manifest.note"
CHECKPOINT, INDEXES = "ledger/checkpoint", "ledger/indexes"
ENTRIES, PROOF = "ledger/entries.jsonl.gz", "ledger/proof.bin"
SCOPE, KEYS, PEOPLE, VERIFIER = "scope.json", "keys.json", "people.json", "verify.py"
PROMOTIONS, LIVE = "promotions.jsonl", "environments.jsonl"
FORMAT = "countersign/audit-export/1"
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


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger, as far as the checks read it; `subject` is what it is about: type and id."""

    index: int
    id: str
    verb: str
    subject: tuple[str, str]
    after: dict[str, Any]
    personal: dict[str, str]
    actor: str | None
    act: str
    recorded_at: str

    @property
    def details(self) -> dict[str, Any]:
        """What else belongs to the act."""
        return self.after.get("details") or {}


class Entries:
    """The entries of a bundle, in the order of the log, by id and by what they are about."""

    def __init__(self, indexes: Iterable[int], lines: Iterable[bytes]) -> None:
        self.by_id: dict[str, Entry] = {}
        self.about: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._of: dict[tuple[str, str], dict[Any, list[Entry]]] = {}
        for index, line in zip(indexes, lines, strict=True):
            leaf = json.loads(line)
            subject = leaf["subject"]["type"], leaf["subject"]["ref"]
            told = leaf["data"]["after"] or {}
            who, act, at = leaf["actor"]["ref"], leaf["act"], leaf["recorded_at"]
            entry = Entry(index, leaf["id"], leaf["verb"], subject, told, leaf["personal"], who, act, at)
            self.by_id[entry.id] = entry
            self.about[subject].append(entry)

    def of(self, kind: str, key: str, value: Any) -> list[Entry]:
        """Entries about things of a type whose state holds this value, in the order of the log."""
        if (kind, key) not in self._of:
            found = self._of[kind, key] = defaultdict(list)
            for entry in self.by_id.values():
                if entry.subject[0] == kind:
                    found[entry.after.get(key)].append(entry)
        return self._of[kind, key].get(value, [])

    def state(self, path: str, kind: str, ref: str, before: int | None = None) -> dict[str, Any]:
        """The state of a thing as the newest entry (before an index) tells it. Raises Bad, naming `path`,
        where no entry does."""
        for entry in reversed(self.about.get((kind, ref), [])):
            if entry.after.keys() - {"details"} and (before is None or entry.index < before):
                return entry.after
        raise Bad(f"{path}: no entry tells of {kind} {ref}")


class Reader:
    """Reads members that the container check found whole; `log_keys` are the log's key and the witnesses'.
    `at` is the file that was looked at last."""

    def __init__(
        self, file: BinaryIO, files: Files, log_keys: Sequence[str] = (), export_key: str = ""
    ) -> None:
        self._file, self._files, self.log_keys, self.export_key = file, files, list(log_keys), export_key
        self.at = ""

    def json(self, path: str) -> Any:
        """A JSON document. Raises Bad."""
        content = self(path)
        try:
            return json.loads(content)
        except ValueError:
            raise Bad(f"{path}: is not JSON") from None

    def json_lines(self, path: str) -> list[Any]:
        """The documents of a file that holds one a line. Raises Bad."""
        try:
            return [json.loads(line) for line in self(path).splitlines()]
        except ValueError:
            raise Bad(f"{path}: is not one JSON document a line") from None

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """Which entries of the log are here: first index and how many follow each other. Raises Bad."""
        try:
            lines = self(INDEXES).decode().splitlines()
            return [(int(first), int(count)) for first, count in map(str.split, lines)]
        except ValueError:
            raise Bad(f"{INDEXES}: is not a list of runs") from None

    def indexes(self) -> Iterator[int]:
        """The index of each entry that is here."""
        return (index for first, count in self.runs for index in range(first, first + count))

    @cached_property
    def entries(self) -> Entries:
        """The entries; `check_ledger` has shown that they are the log's."""
        return Entries(self.indexes(), self.lines(ENTRIES))

    @cached_property
    def scope(self) -> Any:
        """What the bundle is about."""
        return self.json(SCOPE)

    @property
    def versions(self) -> list[Any]:
        """The model versions in scope, each with its `model` and `path`."""
        return [version for model in self.scope["models"] for version in model["versions"]]

    def _place(self, path: str) -> tuple[int, int]:
        self.at = path
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
    size, root, signers = open_checkpoint(CHECKPOINT, read(CHECKPOINT), read.log_keys)
    if root_of(size, read.indexes(), read.lines(ENTRIES), io.BytesIO(read(PROOF))) != root:
        raise Bad(f"{ENTRIES}: the entries do not lead to the signed root")
    names = ", ".join(
        name if stamp is None else f"{name} (not later than {stamp} s after 1970)"
        for name, stamp in signers.items()
    )
    count, origin = sum(count for _, count in read.runs), read.log_keys[0].split("+")[0]
    return f"{origin}: {count} of {size} entries, signed by {names}"


def open_checkpoint(path: str, note: bytes, keys: Sequence[str]) -> tuple[int, bytes, dict[str, int | None]]:
    """Size and root of the log a checkpoint is of, and who signed it. Raises Bad."""
    text, signers = open_note(path, note, keys)
    lines, origin = text.split("\n"), keys[0].split("+")[0]
    if len(lines) != 4 or lines[0] != origin or not lines[1].isdecimal():
        raise Bad(f"{path}: is not a checkpoint of {origin}")
    return int(lines[1]), decode(path, lines[2]), signers


def check_old(path: str, note: bytes, read: Reader) -> str:
    """The log begins with the one a checkpoint from an earlier visit was of. Needs a bundle that holds every entry
    from the first. Raises Bad, naming the checkpoint's file."""
    size, root, _ = open_checkpoint(path, note, read.log_keys[:1])
    if not read.runs or read.runs[0][0] > 0 or read.runs[0][1] < size:
        raise Bad(f"{path}: this bundle does not hold the log from its first entry to number {size - 1}")
    first = islice(read.lines(ENTRIES), size)
    if root_of(size, iter(range(size)), first, io.BytesIO()) != root:
        raise Bad(f"{path}: the log no longer begins with it: an entry below {size} was changed")
    return f"{path}: the log still begins with these {size} entries"


# --- an audit export: its files say what its entries say ---------------------------------------------------
def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of what is compared: it holds no floats."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(content: bytes) -> str:
    """`sha256:` and the digest, as entries write it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def same(path: str, what: str, found: Any, told: Any) -> None:
    """Raises Bad, naming the file, where it does not say what the entries say."""
    if found != told:
        raise Bad(f"{path}: {what} is {str(found)[:200]}, the ledger says {str(told)[:200]}")


def check_scope(files: Files, read: Reader) -> str:
    """The bundle is the audit export somebody asked for, of this log, and holds its files and no others."""
    entries, scope = read.entries, read.scope
    same(SCOPE, "the format", scope["format"], FORMAT)
    same(KEYS, "the log's key", read.json(KEYS)["log"], read.log_keys[0])
    same(KEYS, "the exporter's key", read.json(KEYS)["export"], read.export_key)
    if not any(
        e.verb == "ledger.export_key.published" and e.details["vkey"] == read.export_key
        for e in entries.by_id.values()
    ):
        raise Bad(f"{KEYS}: no entry publishes the exporter's key that was given")
    created = next((e for e in entries.by_id.values() if e.verb == "ledger.created"), None)
    if created is None or created.index != 0 or created.after["vkey"] != read.log_keys[0]:
        raise Bad(f"{ENTRIES}: the log did not begin with the key given for it")
    same(SCOPE, "the size of the log", str(scope["ledger"]["size"]), read(CHECKPOINT).decode().split("\n")[1])
    asked = entries.by_id.get(scope["export"]["entry"])
    if asked is None or asked.verb != "governance.audit_export.requested":
        raise Bad(f"{SCOPE}: no entry tells that this export was asked for")
    about = {name: asked.after.get(name) for name in ("model", "environment", "period_start", "period_end")}
    same(SCOPE, "what it is about", {name: scope["about"].get(name) for name in about}, about)
    same(SCOPE, "who asked", scope["export"]["requested_by"], asked.actor)
    same(SCOPE, "the number", scope["export"]["number"], asked.after["number"])
    check_listed(read)
    folders = tuple(f"{version['path']}/" for version in read.versions)
    wanted = {MANIFEST, MANIFEST_NOTE, CHECKPOINT, INDEXES, ENTRIES, PROOF, SCOPE, KEYS, PEOPLE, VERIFIER}
    wanted |= {PROMOTIONS, LIVE, "README.txt", "report.html"}
    for review in scope["reviews"]:
        wanted |= {
            f"{review['path']}/{name}"
            for name in ("review.json", "signoffs.json", "subject.json", "remarks.jsonl", "threads.jsonl")
        }
    wanted |= {f"{policy['path']}.{end}" for policy in scope["policies"] for end in ("yaml", "json")}
    if missing := wanted - files.keys():
        raise Bad(f"{min(missing)}: is missing")
    if more := {path for path in files.keys() - wanted if not path.startswith(folders)}:
        raise Bad(f"{min(more)}: is no file of this export")
    count = f"{len(scope['models'])} models, {len(read.versions)} versions, {len(scope['reviews'])} reviews"
    return f"audit export {asked.after['number']}: {count}, asked for at entry {asked.index}"


def check_listed(read: Reader) -> None:
    """No version of a model the bundle is about, no version promoted to or reviewed for an environment it is about,
    no review of a version that entries tell of is kept quiet. Raises Bad."""
    versions = {version["id"] for version in read.versions}
    reviews = {review["id"] for review in read.scope["reviews"]}
    model, environment = read.scope["about"]["model"], read.scope["about"].get("environment")
    whole = [model] if model else [one["id"] for one in read.scope["models"]] if environment else []
    expected = {
        e.subject[1] for one in whole for e in read.entries.of("registry.model_version", "model", one)
    }
    if environment:
        for kind in ("governance.promotion", "governance.review"):
            expected |= {e.after["version"] for e in read.entries.of(kind, "environment", environment)}
    if missing := expected - versions:
        raise Bad(f"{SCOPE}: entries tell of version {min(missing)}, which is not listed")
    for version in versions:
        told = read.entries.of("governance.review", "version", version)
        if missing := {entry.subject[1] for entry in told} - reviews:
            raise Bad(f"{SCOPE}: entries tell of review {min(missing)}, which is not listed")


def check_period(files: Files, read: Reader) -> str:
    """A period is whole: every index from its first to its last entry is here, the neighbours lie outside."""
    about = read.scope["about"]
    if about.get("environment"):
        count = (
            f"one environment and the {len(read.scope['models'])} models that were live there or asked to be"
        )
        return f"scope: {count}; whether the log holds more entries about it than these cannot be shown"
    if about["period_start"] is None:
        return "scope: one model; whether the log holds more entries about it than these cannot be shown"
    first, last = about["period_indexes"]
    size, at = read.scope["ledger"]["size"], {e.index: e.recorded_at for e in read.entries.by_id.values()}
    missing = next((i for i in range(max(first - 1, 0), min(last + 2, size)) if i not in at), None)
    if missing is not None:
        raise Bad(f"{ENTRIES}: entry {missing} of the period is missing")
    if first > 0 and at[first - 1] >= about["period_start"]:
        raise Bad(f"{SCOPE}: entry {first - 1}, before the first, is of the period too")
    if last + 1 < size and at[last + 1] < about["period_end"]:
        raise Bad(f"{SCOPE}: entry {last + 1}, after the last, is of the period too")
    count = max(last - first + 1, 0)
    return f"period: all {count} entries from {about['period_start']} to {about['period_end']}"


def check_verifier(files: Files, read: Reader) -> str:
    """The verify.py that came along is one the project published in the ledger."""
    published = {
        e.details["sha256"]: e.index
        for e in read.entries.by_id.values()
        if e.verb == "ledger.verifier.published"
    }
    inside, running = digest(read(VERIFIER)), digest(Path(__file__).read_bytes())
    if inside not in published:
        raise Bad(f"{VERIFIER}: no entry publishes {inside}")
    this = "the one that runs is the same" if running == inside else f"the one that runs is {running}"
    return f"verify.py: {inside}, published at entry {published[inside]}; {this}"


def check_versions(files: Files, read: Reader) -> str:
    """Manifest and signature are the preimages of the registered digests; contributors and lineage are those
    the entries tell."""
    for version in read.versions:
        folder, entries = version["path"], read.entries
        told = entries.about.get(("registry.model_version", version["id"]), [])
        if not told or told[0].verb != "registry.version.registered":
            raise Bad(f"{folder}/manifest.json: no entry registers this version")
        for entry in told:
            same(
                f"{folder}/manifest.json",
                "its digest",
                digest(read(f"{folder}/manifest.json")),
                entry.after["digest"],
            )
            same(SCOPE, f"the number of {folder}", version["number"], entry.after["number"])
        signature = f"{folder}/signature.json"
        same(signature, "its digest", digest(read(signature)), told[0].details["signature"])
        path = f"{folder}/contributors.json"
        found = [(one["entry"], *map(one.get, MADE)) for one in read.json(path)["contributors"]]
        made = entries.of("registry.contributor", "version", version["id"])
        same(path, "the list", found, [(e.id, *map(e.after.get, MADE)) for e in made])
        path = f"{folder}/lineage.json"
        edges = sorted(canonical(counted(edge)) for edge in read.json(path)["upstream"])
        same(path, "the list", edges, sorted(canonical(edge) for edge in lineage_told(path, read, told[0])))
    return f"versions: {len(read.versions)} manifests, signatures, lists of contributors and lineages"


MADE = ("user", "kind", "known_by", "service_account")


def counted(edge: dict[str, Any]) -> dict[str, str]:
    """What of an edge counts in the digest of the lineage."""
    return {name: edge[name] for name in ("kind", "reference", "digest", "claim", "context")}


def lineage_told(path: str, read: Reader, registered: Entry) -> Iterator[dict[str, str]]:
    """The upstream edges that follow from the entries about a version, its run, its data and its parent."""
    state, entries = registered.after, read.entries

    def edge(kind: str, reference: str, content: str | None, claim: str, context: str = "") -> dict[str, str]:
        bare = (content or "").removeprefix("sha256:")
        return {"kind": kind, "reference": reference, "digest": bare, "claim": claim, "context": context}

    if state["run"]:
        run = entries.state(path, "registry.run", state["run"])
        yield edge("run", state["run"], run["telemetry_digest"], "observed")
        if run["source_commit"]:
            yield edge("source_commit", run["source_commit"], None, "observed")
    for used in registered.details["inputs"]:
        data = entries.state(path, "registry.dataset_version", used["dataset_version"])
        yield edge("dataset_version", used["dataset_version"], data["digest"], used["claim"], used["context"])
    if state["parent"]:
        parent = entries.state(path, "registry.model_version", state["parent"])
        yield edge("parent_version", state["parent"], parent["digest"], "declared")
    for added in entries.of("registry.lineage_edge", "version", registered.subject[1]):
        told = added.after
        yield edge(told["kind"], told["reference"] or told["name"], told["digest"], told["claim"])


def check_evidence(files: Files, read: Reader) -> str:
    """Results and circumstances are, byte for byte, those whose digests the evaluations recorded."""
    count = 0
    for version in read.versions:
        prefix, wanted = f"{version['path']}/evidence/", {}
        for entry in read.entries.of("governance.evaluation", "version", version["id"]):
            for part in ("results", "circumstances"):
                if entry.after[f"{part}_digest"]:
                    wanted[f"{prefix}{entry.after['number']}/{part}.json"] = entry.after[f"{part}_digest"]
        count += compare(files, read, prefix, wanted)
    return f"evidence: {count} files have the digests their evaluations recorded"


def compare(files: Files, read: Reader, prefix: str, wanted: dict[str, str]) -> int:
    """The files below a folder are these, with these digests; how many. Raises Bad."""
    here = {path for path in files if path.startswith(prefix)}
    if missing := wanted.keys() - here:
        raise Bad(f"{min(missing)}: is missing")
    if more := here - wanted.keys():
        raise Bad(f"{min(more)}: no entry tells of it")
    for path, told in wanted.items():
        same(path, "its digest", digest(read(path)), told)
    return len(wanted)


def check_cards(files: Files, read: Reader) -> str:
    """Each revision of a card has its recorded digest, and its text is made of it."""
    count = 0
    for version in read.versions:
        prefix, wanted = f"{version['path']}/card/", {}
        for entry in read.entries.of("governance.card_revision", "version", version["id"]):
            number = entry.after["number"]
            wanted[f"{prefix}{number}.json"] = entry.after["digest"]
            sections = read.json(f"{prefix}{number}.json")
            text = "".join(f"## {name}\n\n{sections[name]}\n\n" for name in sorted(sections))
            wanted[f"{prefix}{number}.md"] = digest(text.encode())
        count += compare(files, read, prefix, wanted) // 2
    return f"cards: {count} revisions have the digests that were recorded"


def check_files_of_versions(files: Files, read: Reader) -> str:
    """Below the folder of a version lie evidence, cards and four documents, nothing else."""
    known = re.compile(r"(manifest|signature|contributors|lineage)\.json|(evidence|card)/.*")
    for version in read.versions:
        start = f"{version['path']}/"
        for path in files:
            if path.startswith(start) and not known.fullmatch(path[len(start) :]):
                raise Bad(f"{path}: is no file of a version")
    return "files: every file is accounted for"


def check_policies(files: Files, read: Reader) -> str:
    """Each revision of a policy is, byte for byte and as parsed, the one its entries name."""
    for policy in read.scope["policies"]:
        told = read.entries.about.get(("governance.policy_revision", policy["id"]), [])
        if not told:
            raise Bad(f"{policy['path']}.yaml: no entry tells of this revision")
        for entry in told:
            yaml, parsed = f"{policy['path']}.yaml", f"{policy['path']}.json"
            same(yaml, "its digest", digest(read(yaml)), entry.after["text_digest"])
            same(parsed, "its digest", digest(read(parsed)), entry.after["digest"])
            same(SCOPE, f"the number of {yaml}", policy["number"], entry.after["number"])
    return f"policies: {len(read.scope['policies'])} revisions, byte for byte"


def policy_of(read: Reader, path: str, revision: str) -> Any:
    """The parsed policy of a revision. Raises Bad, naming `path`, where it is not here."""
    for policy in read.scope["policies"]:
        if policy["id"] == revision:
            return read.json(f"{policy['path']}.json")
    raise Bad(f"{path}: policy revision {revision} is not in the bundle")


def check_reviews(files: Files, read: Reader) -> str:
    """Reviews, sign-offs and remarks are those the entries tell: all of them, in order, word for word."""
    signed = remarks = 0
    for review in read.scope["reviews"]:
        entries, path = read.entries, f"{review['path']}/review.json"
        document, moves = read.json(path), read.entries.about.get(("governance.review", review["id"]), [])
        found = [
            [move[name] for name in ("entry", "verb", "state", "at", "by")] for move in document["moves"]
        ]
        same(
            path,
            "the story",
            found,
            [[m.id, m.verb, m.after["state"], m.recorded_at, m.actor] for m in moves],
        )
        for name in ("number", "version", "environment", "policy_revision", "state"):
            same(path, name, document[name], moves[-1].after[name])
        required = policy_of(read, path, document["policy_revision"])["sign_offs"]
        same(
            path,
            "what must be signed",
            document["required_sign_offs"],
            [{"independent": False} | r for r in required],
        )
        path = f"{review['path']}/signoffs.json"
        told = entries.of("governance.sign_off", "review", review["id"])
        found = [
            [one["id"], one["entry"], one["requirement"], *map(one.get, SIGNED)]
            for one in read.json(path)["sign_offs"]
        ]
        same(
            path,
            "the list of sign-offs",
            found,
            [[e.subject[1], e.id, e.details["requirement"], *map(e.after.get, SIGNED)] for e in told],
        )
        signed += len(told)
        path = f"{review['path']}/remarks.jsonl"
        told = entries.of("governance.remark", "review", review["id"])
        found = [
            [line[name] for name in ("id", "entry", "author", "anchor", "thread", "at")]
            for line in read.json_lines(path)
        ]
        same(
            path,
            "the list of remarks",
            found,
            [
                [e.subject[1], e.id, e.actor, e.after["anchor"], e.after.get("thread"), e.recorded_at]
                for e in told
            ],
        )
        remarks += len(told)
        check_threads(read, review)
    return f"reviews: {len(read.scope['reviews'])} with {signed} sign-offs and {remarks} remarks, as recorded"


def check_threads(read: Reader, review: dict[str, Any]) -> None:
    """What threads hang on, and when they were resolved, is what the entries tell. Raises Bad."""
    path = f"{review['path']}/threads.jsonl"
    kept = ("number", "anchor_key", "anchor", "state")
    same(
        path,
        "the list of threads",
        [
            [line["id"], line["entry"], line["verb"], line["by"], line["at"], *map(line.get, kept)]
            for line in read.json_lines(path)
        ],
        [
            [e.subject[1], e.id, e.verb, e.actor, e.recorded_at, *map(e.after.get, kept)]
            for e in read.entries.of("governance.thread", "review", review["id"])
        ],
    )


SIGNED = (
    "person",
    "decision",
    "meaning",
    "role",
    "subject_digest",
    "method",
    "reauthenticated_at",
    "signed_at",
)


def check_subjects(files: Files, read: Reader) -> str:
    """What was signed: each digest has its preimage, which names the very files of this bundle."""
    whole = parts_only = 0
    for review in read.scope["reviews"]:
        path, entries = f"{review['path']}/subject.json", read.entries
        told = {
            e.id: (e.after["subject_digest"], e.after.get("subject_parts"))
            for e in [
                entries.about["governance.review", review["id"]][0],
                *entries.of("governance.sign_off", "review", review["id"]),
            ]
        }
        seen = {}
        for subject in read.json(path)["subjects"]:
            document = subject["document"]
            if document is None:
                parts_only += 1
            else:
                whole += 1
                same(path, "the digest of a preimage", digest(canonical(document)), subject["digest"])
                same(path, "the list of parts", subject["parts"], parts_of(document))
                check_ingredients(path, read, review, document, entries.by_id[subject["entries"][0]].index)
            for entry in subject["entries"]:
                seen[entry] = subject["digest"]
                if told.get(entry, (None, None))[1]:
                    same(path, "the list of parts", subject["parts"], told[entry][1])
        same(path, "what was signed", seen, {entry: value for entry, (value, _) in told.items()})
    more = f"; {parts_only} are known only by the digests of their parts" if parts_only else ""
    return f"subjects: {whole} preimages of what was signed name the files and entries here{more}"


def parts_of(document: dict[str, Any]) -> dict[str, str]:
    """The digest of each named part of a subject."""
    parts = {
        "artifact": [document[name] for name in ("model", "version", "manifest", "signature")],
        "evidence": document["results"],
        "card": document["card"],
        "lineage": document["lineage"],
        "contributors": document["contributors"],
        "policy": [document[name] for name in ("environment", "risk_tier", "requirements")],
    }
    return {name: hashlib.sha256(canonical(part)).hexdigest() for name, part in parts.items()}


def check_ingredients(path: str, read: Reader, review: Any, document: dict[str, Any], index: int) -> None:
    """A preimage names what is in the bundle; contributors and lineage as they were before entry `index`."""
    entries = read.entries
    told = entries.about["governance.review", review["id"]][0].after
    version = next((v for v in read.versions if v["id"] == told["version"]), None)
    if version is None:
        raise Bad(f"{path}: the version of the review is not in the bundle")
    folder = version["path"]
    revision = entries.state(path, "governance.policy_revision", told["policy_revision"])
    fixed = {
        "version": version["id"],
        "model": entries.state(path, "registry.model_version", version["id"])["model"],
        "manifest": digest(read(f"{folder}/manifest.json")),
        "signature": digest(read(f"{folder}/signature.json")),
        "environment": told["environment"],
        "requirements": revision["digest"],
    }
    for name, value in fixed.items():
        same(path, f"“{name}” of a preimage", document[name], value)
    cards = [e.after["digest"] for e in entries.of("governance.card_revision", "version", version["id"])]
    if document["card"] not in [None, *cards]:
        raise Bad(f"{path}: the card that was signed is not in the bundle")
    results = [
        e.after["results_digest"] for e in entries.of("governance.evaluation", "version", version["id"])
    ]
    if any(value not in results for value in document["results"].values()):
        raise Bad(f"{path}: the evidence that was signed is not in the bundle")
    people = [
        {name: one[name] for name in (*MADE, "declared")}
        for one in read.json(f"{folder}/contributors.json")["contributors"]
        if entries.by_id[one["entry"]].index < index
    ]
    same(
        path,
        "“contributors” of a preimage",
        document["contributors"],
        digest(canonical(sorted(people, key=canonical))),
    )
    edges = [
        counted(edge)
        for edge in read.json(f"{folder}/lineage.json")["upstream"]
        if edge["entry"] is None or entries.by_id[edge["entry"]].index < index
    ]
    same(
        path, "“lineage” of a preimage", document["lineage"], digest(canonical(sorted(edges, key=canonical)))
    )


def check_four_eyes(files: Files, read: Reader) -> str:
    """Nobody signed what they made (but as its author), nobody twice; each signer held the role they used."""
    count = 0
    for review in read.scope["reviews"]:
        path, entries = f"{review['path']}/signoffs.json", read.entries
        about = entries.about["governance.review", review["id"]][0].after
        version = entries.state(path, "registry.model_version", about["version"])
        team = entries.state(path, "registry.registered_model", version["model"])["team"]
        required = {one["key"]: one for one in policy_of(read, path, about["policy_revision"])["sign_offs"]}
        for entry in entries.of("governance.sign_off", "review", review["id"]):
            person, role, count = entry.after["person"], entry.after["role"], count + 1
            same(path, "a signer", person, entry.actor)
            asked = required.get(entry.details["requirement"])
            if asked is None or (asked["role"], asked["meaning"]) != (role, entry.after["meaning"]):
                raise Bad(f"{path}: the policy asks for no such sign-off as {person} gave")
            made = entries.of("registry.contributor", "version", about["version"])
            maker = any(one.after["user"] == person and one.index < entry.index for one in made)
            if maker and entry.after["meaning"] != "authorship":
                raise Bad(f"{path}: {person} signed a version they contributed to")
            held = roles(read, person, team, entry)
            if role not in held:
                raise Bad(f"{path}: {person} did not hold the role {role} when they signed")
            if asked.get("independent") and held & {"contributor", "owner"}:
                raise Bad(f"{path}: {person} was not independent of the owning team")
            twice = [
                one
                for one in approvals_that_count(entries, review["id"], entry.index)
                if one.after["person"] == person
                and one.after["subject_digest"] == entry.after["subject_digest"]
            ]
            if twice and entry.after["decision"] == "approve":
                raise Bad(f"{path}: {person} signed the same subject twice")
    return f"four eyes: {count} sign-offs, none of their own work, each in a role held then"


def roles(read: Reader, person: str, team: str, signed: Entry) -> set[str]:
    """The roles somebody held for things of a team when they signed, as the ledger knew then."""
    held = {}
    for entry in read.entries.of("accounts.membership", "user", person):
        if entry.index < signed.index:
            held[entry.subject[1]] = entry.after
    at = signed.after["signed_at"]
    return {
        one["role"]
        for one in held.values()
        if one["team"] in (None, team)
        and one["starts_at"] <= at
        and (one["ends_at"] is None or at < one["ends_at"])
    }


def check_promotions(files: Files, read: Reader) -> str:
    """Each promotion rests on an approved review of that version for that environment, signed in full on the
    subject it names; each rollback leads to what was live there before."""
    entries, made = read.entries, promotions_of(read)
    found = {line["entry"]: line for line in read.json_lines(PROMOTIONS)}
    same(PROMOTIONS, "the list", list(found), [promotion.id for promotion in made])
    for promotion in made:
        line, state = found[promotion.id], promotion.after
        told = {name: value for name, value in state.items() if name != "details"} | promotion.details
        told |= {
            "id": promotion.subject[1],
            "promoted_by": promotion.actor,
            "promoted_at": promotion.recorded_at,
            "verdict_digest": state["verdict"],
        }
        what = f"the verdict of promotion {state['number']}"
        same(PROMOTIONS, what, digest(canonical(line["verdict"])), state["verdict"])
        for name in sorted(line.keys() - {"entry", "reason", "verdict"}):
            same(PROMOTIONS, f"“{name}” of promotion {state['number']}", line[name], told.get(name))
        if state["kind"] == "promotion":
            check_approval(read, promotion)
        elif not any(
            one.index < promotion.index
            and all(one.after[name] == state[name] for name in ("version", "environment"))
            for one in made
        ):
            raise Bad(f"{PROMOTIONS}: rollback {state['number']} leads to what was never live there")
        review = state["review"] and entries.state(
            PROMOTIONS, "governance.review", state["review"], promotion.index
        )
        if review and review["state"] == "revoked":
            raise Bad(f"{PROMOTIONS}: promotion {state['number']} rests on a revoked approval")
    return f"promotions: {len(made)}, each with the approval it needed"


def promotions_of(read: Reader) -> list[Entry]:
    """The entries of promotions and rollbacks of the versions in scope, in the order of the log."""
    found = [
        entry
        for version in read.versions
        for entry in read.entries.of("governance.promotion", "version", version["id"])
    ]
    return sorted(found, key=lambda entry: entry.index)


def check_approval(read: Reader, promotion: Entry) -> None:
    """A promotion's review was approved then, with every required sign-off on its subject. Raises Bad."""
    state, entries = promotion.after, read.entries
    number = state["number"]
    if not state["review"]:
        raise Bad(f"{PROMOTIONS}: promotion {number} rests on no review")
    review = entries.state(PROMOTIONS, "governance.review", state["review"], promotion.index)
    same(PROMOTIONS, f"the review of promotion {number}", review["state"], "approved")
    for name in ("version", "environment"):
        same(PROMOTIONS, f"the {name} of promotion {number}", state[name], review[name])
    approvals = [
        one
        for one in approvals_that_count(entries, state["review"], promotion.index)
        if one.after["subject_digest"] == state["subject_digest"]
    ]
    policy = policy_of(read, PROMOTIONS, review["policy_revision"])
    required = {one["key"] for one in policy["sign_offs"]}
    if missing := required - {one.details["requirement"] for one in approvals}:
        raise Bad(
            f"{PROMOTIONS}: promotion {number} lacks the sign-off {min(missing)} on the subject it names"
        )
    approvers = {one.after["person"] for one in approvals if one.after["meaning"] == "approval"}
    if policy["risk_tier"] == "high" and approvers == {promotion.actor}:
        raise Bad(f"{PROMOTIONS}: promotion {number} was made by the only person who approved it")


def approvals_that_count(entries: Entries, review: str, before: int) -> list[Entry]:
    """The approvals of a review before an index, without those whose signer objected afterwards."""
    counted: list[Entry] = []
    for entry in entries.of("governance.sign_off", "review", review):
        if entry.index >= before:
            break
        if entry.after["decision"] == "approve":
            counted.append(entry)
        else:
            counted = [one for one in counted if one.after["person"] != entry.after["person"]]
    return counted


def check_live(files: Files, read: Reader) -> str:
    """What was live when follows from the promotions, without gap or overlap; no protected alias moved
    without one."""
    about, expected = read.scope["about"], []
    start, end = about["period_start"], about["period_end"]
    by_place = defaultdict(list)
    for promotion in promotions_of(read):
        version = read.entries.state(LIVE, "registry.model_version", promotion.after["version"])
        by_place[promotion.after["environment"], version["model"]].append((promotion, version["number"]))
    for (environment, model), made in by_place.items():
        for at, (promotion, number) in enumerate(made):
            since, until = promotion.details["live_from"], None
            if at + 1 < len(made):
                until = made[at + 1][0].details["live_from"]
            if end and (since >= end or (until and until <= start)):
                continue
            expected.append(
                {
                    "environment": environment,
                    "model": model,
                    "version": promotion.after["version"],
                    "number": number,
                    "from": since,
                    "to": None if end and until and until >= end else until,
                    "promotion": promotion.subject[1],
                    "entry": promotion.id,
                }
            )
    lines = read.json_lines(LIVE)
    found = sorted(canonical(line) for line in lines if "version" in line)
    same(LIVE, "the list of periods", found, sorted(map(canonical, expected)))
    return f"live periods: {len(found)}, as promoted; {check_aliases(read, lines)}"


def check_aliases(read: Reader, lines: list[Any]) -> str:
    """Every move of an environment's alias is part of a promotion to that environment. Raises Bad."""
    entries, moves = read.entries, 0
    protected = {}
    for line in lines:
        if "version" not in line:
            told = entries.about.get(("governance.environment", line["environment"]), [])
            if not told:
                raise Bad(f"{LIVE}: no entry tells of environment {line['environment']}")
            for name in ("name", "slug", "alias"):
                same(LIVE, f"the {name} of an environment", line[name], told[-1].after[name])
            protected[fold(line["alias"])] = (line["environment"], told[0].index)
    by_act = {(one.act, one.after["version"], one.after["environment"]) for one in promotions_of(read)}
    for version in read.versions:
        for entry in entries.of("registry.alias", "version", version["id"]):
            environment, since = protected.get(fold(entry.after["name"]), ("", entry.index + 1))
            if entry.index > since:
                moves += 1
                if (entry.act, version["id"], environment) not in by_act:
                    raise Bad(f"{ENTRIES}: entry {entry.index} moved a protected alias without a promotion")
    return f"{moves} moves of protected aliases, each by a promotion"


def fold(name: str) -> str:
    """A name as it is compared: case, compatibility form and spaces do not tell two apart."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def check_people(files: Files, read: Reader) -> str:
    """Names are those the ledger committed to, roles those it recorded."""
    held = 0
    for person in read.json(PEOPLE)["people"]:
        if person["kind"] == "service":
            told = read.entries.state(PEOPLE, "accounts.service_account", person["id"])
            same(PEOPLE, "a service account", person["name"], told["name"])
            continue
        known = person["known_from"]
        same(PEOPLE, "a name", person["name"], known["value"] or "(erased)")
        made = read.entries.by_id.get(known["entry"])
        if made is None or made.subject != ("accounts.user", person["id"]) or known["field"] != "full_name":
            raise Bad(f"{PEOPLE}: the entry named for {person['id']} is about something else")
        held += len(person["roles"])
        for role in person["roles"]:
            told = read.entries.state(PEOPLE, "accounts.membership", role["id"])
            same(PEOPLE, "a role’s holder", person["id"], told["user"])
            for name in ("team", "role", "starts_at", "ends_at", "granted_by"):
                same(PEOPLE, f"“{name}” of a role", role[name], told[name])
    return f"people: {held} roles, as recorded"


def check_commitments(files: Files, read: Reader) -> str:
    """Each name, reason and remark in the bundle is the value its entry committed to: sha256(salt, value)."""
    shown = erased = 0
    for path, value in personal_values(read):
        entry = read.entries.by_id.get(value["entry"])
        told = entry.personal.get(value["field"]) if entry else None
        if told is None:
            raise Bad(f"{path}: entry {value['entry']} commits to no “{value['field']}”")
        if value["value"] is None:
            erased += 1
            continue
        shown += 1
        made = digest(bytes.fromhex(value["salt"]) + value["value"].encode())
        same(path, f"the commitment to “{value['field']}”", made, told)
    return f"personal values: {shown} are what was committed to, {erased} erased or withheld"


def personal_values(read: Reader) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every value the bundle shows with its entry, field and salt, and the file it stands in."""

    def within(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict) and value.keys() == {"entry", "field", "salt", "value"}:
            yield value
        elif isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from within(inner)

    documents = [(SCOPE, read.scope), (PEOPLE, read.json(PEOPLE)), (PROMOTIONS, read.json_lines(PROMOTIONS))]
    for review in read.scope["reviews"]:
        for name in ("review.json", "signoffs.json"):
            documents.append((f"{review['path']}/{name}", read.json(f"{review['path']}/{name}")))
        documents.append(
            (f"{review['path']}/remarks.jsonl", read.json_lines(f"{review['path']}/remarks.jsonl"))
        )
    for path, document in documents:
        yield from ((path, value) for value in within(document))


CHECKS: list[Callable[[Files, Reader], str]] = [
    check_ledger,
    check_scope,
    check_period,
    check_verifier,
    check_versions,
    check_evidence,
    check_cards,
    check_files_of_versions,
    check_policies,
    check_reviews,
    check_subjects,
    check_four_eyes,
    check_promotions,
    check_live,
    check_people,
    check_commitments,
]
"""One function for each part of a bundle: it raises Bad, or says in a line what holds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one bundle; 0 when it holds."""
    parser = argparse.ArgumentParser(description="Check an audit bundle offline.")
    parser.add_argument("bundle")
    parser.add_argument("--key", required=True, help="verifier key of the log")
    parser.add_argument("--export-key", required=True, help="verifier key of the exporter")
    parser.add_argument("--witness", action="append", default=[], help="verifier key of a witness")
    parser.add_argument("--old", action="append", default=[], help="file of a checkpoint kept from before")
    given = parser.parse_args(arguments)
    read = None
    try:
        with open(given.bundle, "rb") as file:
            files = read_container(file, given.export_key)
            read = Reader(file, files, [given.key, *given.witness], given.export_key)
            for check in CHECKS:
                print(check(files, read))
            for path in given.old:
                print(check_old(path, Path(path).read_bytes(), read))
    except Bad as bad:
        print(f"DOES NOT HOLD: {bad}", file=sys.stderr)
        return 1
    except (ValueError, LookupError, TypeError, AttributeError, OSError, struct.error) as error:
        where = read.at if read is not None and read.at else given.bundle
        print(f"DOES NOT HOLD: {where}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"HOLDS: {len(files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
