"""Writing an entry: the last statement of the business transaction, after the subject's row lock.

If the entry cannot be written, nothing happened: nobody catches what this raises.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from countersign import canonical, clock
from countersign.actors import Actor
from countersign.identifiers import new_id
from countersign.ledger import reactions, requests, verbs
from countersign.ledger.models import Recorded
from countersign.ledger.verbs import Effect, Verb

DETAILS = "details"
"""The key of `data.after` that holds what is no state of the subject."""

_INSERT = """
WITH entry AS (INSERT INTO ledger_entry (canonical) VALUES (%s) RETURNING id)
INSERT INTO ledger_pending (entry_id) SELECT id FROM entry"""
_INSERT_PERSONAL = """
WITH entry AS (INSERT INTO ledger_entry (canonical) VALUES (%s) RETURNING id),
personal AS (INSERT INTO ledger_personal (entry, field, value, salt)
    SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bytea[]))
INSERT INTO ledger_pending (entry_id) SELECT id FROM entry"""


class OutsideTransaction(RuntimeError):
    """An entry and the change it tells of must be one transaction."""


@dataclass(frozen=True, slots=True)
class AppendedEntry:
    """What the action may store beside its rows: the entry's id, and the instant it was recorded."""

    id: UUID
    recorded_at: datetime


def append_entry(
    *,
    verb: Verb,
    subject: Recorded,
    actor: Actor,
    before: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
    personal: Mapping[str, str] | None = None,
) -> AppendedEntry:
    """Record that `actor` did `verb` to `subject`, whose rows are saved and locked by this transaction.

    `before` is the state that was, for readers; `details` what else belongs to the act; `personal` maps a
    name to a value that must be erasable: the leaf holds only its salted commitment. Values are of the closed
    set of `canonical`. Raises OutsideTransaction, verbs.UnknownVerb, canonical.NotCanonical (the caller's
    transaction then rolls back with it)."""
    if not connection.in_atomic_block:
        raise OutsideTransaction(f"{verb.name}: an entry is appended inside the transaction of its action")
    if verbs.known(verb.name) != verb:
        raise verbs.UnknownVerb(f"the verb {verb.name} version {verb.version} is not registered")
    held = dict(personal or {})
    canonical.canonical(held, limit=None)  # names and values of the same set as the leaf
    salted = {name: (value, secrets.token_bytes(32)) for name, value in held.items()}
    entry_id, recorded_at = new_id(), clock.now()
    leaf: dict[str, Any] = {
        "act": str(actor.act),
        "actor": {"kind": actor.kind.value, "ref": None if actor.ref is None else str(actor.ref)},
        "data": {
            "after": _after(verb, subject, details),
            "before": None if before is None else _plain(before),
        },
        "format": canonical.FORMAT,
        "id": str(entry_id),
        "personal": {name: commitment(value, salt) for name, (value, salt) in salted.items()},
        "recorded_at": clock.stamp(recorded_at),
        "request": actor.request,
        "subject": {"ref": str(subject.pk), "type": subject.ledger_type},
        "verb": verb.name,
        "verb_version": verb.version,
        "via": actor.via,
    }
    _insert(canonical.canonical(leaf), entry_id, salted)
    for handler in reactions.handlers(verb.name):
        _react_after_commit(handler, leaf)
    transaction.on_commit(requests.ask_for_sealing, robust=True)
    return AppendedEntry(entry_id, recorded_at)


def _react_after_commit(handler: reactions.Handler, leaf: dict[str, Any]) -> None:
    def react() -> None:  # no functools.partial: Django names a failing robust callback by its __qualname__
        handler(leaf)

    transaction.on_commit(react, robust=True)


def commitment(value: str, salt: bytes) -> str:
    """`sha256:` and the digest of the salt (32 bytes) followed by the value in UTF-8."""
    return "sha256:" + hashlib.sha256(salt + value.encode()).hexdigest()


def _after(verb: Verb, subject: Recorded, details: Mapping[str, Any] | None) -> dict[str, Any] | None:
    after = _plain(subject.ledger_state()) if verb.effect is Effect.STATE else None
    if after is not None and DETAILS in after:
        raise ValueError(f"{subject.ledger_type}: the key “{DETAILS}” of a state is taken by the ledger")
    if details is not None:
        after = (after or {}) | {DETAILS: _plain(details)}
    return after


def _plain(value: Any) -> Any:
    """The value with members of string choices as the text they stand for: a row that was just saved holds the
    member, the same row read back holds the text. Everything else is left to the strict encoder."""
    if isinstance(value, str) and isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _insert(leaf: bytes, entry_id: UUID, salted: Mapping[str, tuple[str, bytes]]) -> None:
    """Entry, pending and personal values in one round trip."""
    with connection.cursor() as cursor:
        if not salted:
            cursor.execute(_INSERT, [leaf])
            return
        values, salts = zip(*salted.values(), strict=True)
        cursor.execute(_INSERT_PERSONAL, [leaf, entry_id, list(salted), list(values), list(salts)])
