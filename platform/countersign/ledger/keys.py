"""The signing keys this process was given. Only processes that seal have the ledger's; the export key is
another."""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from countersign.errors import CountersignError


class KeyMissing(CountersignError):
    """This process was not given the key the work needs."""

    code = "signing_key_missing"
    status = 503


def private_key(encoded: str, *, variable: str) -> Ed25519PrivateKey:
    """The Ed25519 key of 32 bytes in base64. Raises KeyMissing naming the variable, never the value."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise KeyMissing(f"{variable} should be 32 bytes in base64.")
    return Ed25519PrivateKey.from_private_bytes(raw)


def ledger_key() -> Ed25519PrivateKey:
    """The key that signs checkpoints and nothing else. Raises KeyMissing."""
    if not settings.LEDGER_KEY:
        raise KeyMissing(
            "This process has no ledger key, so it cannot seal. Run it where COUNTERSIGN_LEDGER_KEY or "
            "COUNTERSIGN_LEDGER_KEY_FILE is set (the workers of queue “core”)."
        )
    return private_key(settings.LEDGER_KEY, variable="COUNTERSIGN_LEDGER_KEY")


def export_key() -> Ed25519PrivateKey:
    """The key that signs audit exports. Raises KeyMissing."""
    if not settings.EXPORT_KEY:
        raise KeyMissing(
            "This process has no export key, so it cannot sign an export. Run it where "
            "COUNTERSIGN_EXPORT_KEY or COUNTERSIGN_EXPORT_KEY_FILE is set (the workers of queue “core”)."
        )
    return private_key(settings.EXPORT_KEY, variable="COUNTERSIGN_EXPORT_KEY")
