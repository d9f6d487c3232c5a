"""C2SP signed notes: Go's own vectors, and the golden checkpoint of this project."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countersign.canonical import canonical
from countersign.ledger.append import commitment
from countersign.ledger.note import (
    COSIGNATURE,
    BadSignature,
    Head,
    MalformedKey,
    MalformedNote,
    VerifierKey,
    open_checkpoint,
    open_note,
    sign,
)
from countersign.ledger.tree import Frontier, leaf_hash

# golang.org/x/mod/sumdb/note, note_test.go (BSD-3-Clause): keys, text and signatures.
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
ENOCH = VerifierKey.parse("EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop")
PETER_SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_SIGNATURE = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)
PETER_LINE = f"— PeterNeumann {PETER_SIGNATURE}\n"
ENOCH_SIGNATURE = (
    "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ="
)
ENOCH_LINE = f"— EnochRoot {ENOCH_SIGNATURE}\n"

ORIGIN = "countersign.example/log"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
GOLDEN_LEAF = {
    "act": "018f0000-0000-7000-8000-0000000000ac",
    "actor": {"kind": "person", "ref": "018f0000-0000-7000-8000-00000000000a"},
    "data": {"after": {"name": "champion", "version": 3}, "before": None},
    "format": 1,
    "id": "018f0000-0000-7000-8000-000000000001",
    "personal": {"actor.name": commitment("Zoë", bytes(32))},
    "recorded_at": "2026-11-24T06:50:00.000000Z",
    "request": None,
    "subject": {"ref": "018f0000-0000-7000-8000-0000000000b0", "type": "registry.alias"},
    "verb": "registry.alias.moved",
    "verb_version": 1,
    "via": "rest",
}
LOG_SIGNATURE = "vkK8QmGyIExfWNRIUqaYmqA9x5yDpOmMGdGV74NY5a9QzUpMudVs4WjIR9O6GB6W8qopJQB/WnF3gknlmPcRDM5FVAs="
WITNESS_SIGNATURE = (
    "dzpsEgAAAABpI++wCLqQIQXy5Kz6yxfbrCS0lxQFGNtethW891dRzY5frzMu3F1Wy8ugGksEUicyAb0ws2WOcqETm5qIE"
    + "+i9B8gtBw=="
)
GOLDEN_ROOT = "6JS+vkh/umDnf84Y7Fne/wW8ARS9J8yOAou1DrNHpFo="
GOLDEN_NOTE = f"{ORIGIN}\n3\n{GOLDEN_ROOT}\n\n— {ORIGIN} {LOG_SIGNATURE}\n"
GOLDEN_COSIGNATURE = f"— witness.example/w1 {WITNESS_SIGNATURE}\n"


def test_golden_leaf_and_checkpoint() -> None:
    leaf = canonical(GOLDEN_LEAF)
    assert len(leaf) == 535
    assert leaf_hash(leaf).hex() == "ddabc0b2d54274031c2b623234b452538d5d5043cb2fbd36603879e25a29fabd"
    frontier = Frontier()
    frontier.extend([leaf_hash(leaf), leaf_hash(canonical({})), leaf_hash(canonical({"a": 1}))])
    assert sign(Head(ORIGIN, 3, frontier.root()).text(), ORIGIN, LOG_KEY) == GOLDEN_NOTE
    key = VerifierKey.of(ORIGIN, LOG_KEY)
    assert str(key) == "countersign.example/log+be42bc42+AYMgpRl32MOMqKSSfGcN9YIeRJdhlF4V6e+yahUJ0jDq"
    assert VerifierKey.parse(str(key)) == key
    assert open_checkpoint(GOLDEN_NOTE, [key]) == Head(ORIGIN, 3, frontier.root())


def test_golden_cosignature_carries_its_time() -> None:
    log = VerifierKey.of(ORIGIN, LOG_KEY)
    witness = VerifierKey.of("witness.example/w1", WITNESS_KEY, COSIGNATURE)
    opened = open_note(GOLDEN_NOTE + GOLDEN_COSIGNATURE, [log, witness])
    assert opened.signers == {ORIGIN: None, "witness.example/w1": 1763962800}
    assert open_note(GOLDEN_NOTE + GOLDEN_COSIGNATURE, [log]).signers == {ORIGIN: None}, (
        "unknown keys are ignored"
    )


def test_signing_reproduces_the_published_signature() -> None:
    seed = base64.b64decode(PETER_SEED)[1:]
    assert sign(TEXT, "PeterNeumann", Ed25519PrivateKey.from_private_bytes(seed)) == TEXT + "\n" + PETER_LINE


def test_published_notes_open() -> None:
    one = open_note(TEXT + "\n" + PETER_LINE + ENOCH_LINE, [PETER])
    assert (one.text, list(one.signers)) == (TEXT, ["PeterNeumann"])
    both = open_note((TEXT + "\n" + PETER_LINE + ENOCH_LINE).encode(), [PETER, ENOCH])
    assert list(both.signers) == ["PeterNeumann", "EnochRoot"]
    doubled = open_note(TEXT + "\n" + PETER_LINE * 2 + ENOCH_LINE[:60] + "ABCD" + ENOCH_LINE[60:], [PETER])
    assert list(doubled.signers) == ["PeterNeumann"]
    sixteen = open_note(TEXT + "\n" + ENOCH_LINE * 15 + PETER_LINE, [PETER])
    assert list(sixteen.signers) == ["PeterNeumann"]


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        TEXT + "\n",
        TEXT + "\n" + PETER_LINE[:-1],
        "\x01" + TEXT + "\n" + PETER_LINE,
        b"\xff" + (TEXT + "\n" + PETER_LINE).encode(),
        TEXT + "\n" + PETER_LINE.replace("PeterNeumann", "Bad Name")[:-1],
        TEXT + "\n" + PETER_LINE + "Unexpected line.\n",
        TEXT + "\n" + PETER_LINE * 101,
        TEXT + "\n" + "— PeterNeumann !\n",
        TEXT + "\n" + "— PeterNeumann AAAA\n",
    ],
)
def test_malformed_notes_are_refused(note: str | bytes) -> None:
    with pytest.raises(MalformedNote):
        open_note(note, [PETER])


def test_a_known_key_that_fails_refuses_the_note() -> None:
    with pytest.raises(BadSignature, match="PeterNeumann"):
        open_note(TEXT + "\n" + PETER_LINE[:60] + "ABCD" + PETER_LINE[60:] + ENOCH_LINE, [PETER, ENOCH])
    with pytest.raises(BadSignature, match="PeterNeumann"):
        open_note("X" + TEXT + "\n" + PETER_LINE, [PETER])
    with pytest.raises(BadSignature, match="no signature of a known key"):
        open_note(TEXT + "\n" + PETER_LINE, [ENOCH])
    renamed = PETER_LINE.replace("PeterNeumann", "CarmenSandiego")
    with pytest.raises(BadSignature):
        open_note(TEXT + "\n" + renamed, [PETER])


def test_every_mangled_verifier_key_is_refused() -> None:
    vkey = str(PETER)
    for low in range(len(vkey)):
        for high in range(low + 1, len(vkey) + 1):
            if (low, high) != (0, len(vkey)):
                with pytest.raises(MalformedKey):
                    VerifierKey.parse(vkey[low:high])
    for at in range(len(vkey)):
        mangled = vkey[:at] + chr(ord(vkey[at]) + 1) + vkey[at + 1 :]
        with pytest.raises(MalformedKey):
            VerifierKey.parse(mangled)
    for raw in (base64.b64decode(vkey.split("+", 2)[2]) + bytes(4), b"\x65" + PETER.public):
        key_id = hashlib.sha256(b"PeterNeumann\n" + raw).digest()[:4].hex()
        with pytest.raises(MalformedKey):
            VerifierKey.parse(f"PeterNeumann+{key_id}+{base64.b64encode(raw).decode()}")


@pytest.mark.parametrize(
    "text",
    [
        "origin\n3\n",
        "origin\n03\n" + "A" * 43 + "=\n",
        "origin\n-1\n" + "A" * 43 + "=\n",
        "\n3\n" + "A" * 43 + "=\n",
        "origin\n3\nAAAA\n",
        "origin\n3\n" + "A" * 43 + "=\nextension\n",
    ],
)
def test_checkpoints_have_exactly_three_lines(text: str) -> None:
    with pytest.raises(MalformedNote):
        Head.parse(text)


def test_a_checkpoint_is_signed_by_its_own_log() -> None:
    other = sign(Head("another.example/log", 1, bytes(32)).text(), ORIGIN, LOG_KEY)
    with pytest.raises(BadSignature, match=r"another\.example"):
        open_checkpoint(other, [VerifierKey.of(ORIGIN, LOG_KEY)])
