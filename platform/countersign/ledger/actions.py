"""The acts that begin a ledger and tell which verifier belongs to it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.db import transaction

from countersign import canonical
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid
from countersign.ledger import note
from countersign.ledger.append import append_entry
from countersign.ledger.models import Entry, Tree
from countersign.ledger.queries import newest_leaf
from countersign.ledger.verbs import (
    CREATED,
    EXPORT_KEY_PUBLISHED,
    VERIFICATION_FAILED,
    VERIFICATION_PASSED,
    VERIFIER_PUBLISHED,
)
from countersign.ledger.verification import Report

VERIFIER = Path(__file__).parent / "offline" / "verify.py"
"""The script auditors check bundles with."""


def create_ledger(*, actor: Actor, origin: str, vkey: str) -> Tree:
    """Begin the log: its name and verifier key become the entry at index 0, before any other is written.

    Calling it again with the same name and key changes nothing. Raises Invalid for a name or key that does
    not fit, Conflict when the ledger has another name or key, or entries already."""
    try:
        key = note.VerifierKey.parse(vkey)
    except note.MalformedKey as error:
        raise Invalid(str(error), fields={"vkey": [str(error)]}) from None
    if key.name != origin:
        raise Invalid(f"The key is named {key.name}; a log's key bears the log's name, {origin}.")
    with transaction.atomic():
        existing = Tree.objects.first()
        if existing is not None:
            if (existing.origin, existing.vkey) != (origin, vkey):
                raise Conflict(
                    f"The ledger of this database is {existing.vkey}, the settings say {vkey}. "
                    "Give back its key and COUNTERSIGN_LEDGER_ORIGIN; a ledger is never renamed."
                )
            return existing
        if Entry.objects.exists():
            raise Conflict(
                "Entries were written before the ledger was created: it must be the first act of all."
            )
        tree = Tree.objects.create(origin=origin, vkey=vkey)
        append_entry(verb=CREATED, subject=tree, actor=actor)
        return tree


def publish_verifier(*, actor: Actor) -> str:
    """Record the sha256 of this release's offline verifier, once for each different one; returns `sha256:…`.

    Raises Conflict before the ledger is created."""
    digest = "sha256:" + hashlib.sha256(VERIFIER.read_bytes()).hexdigest()
    with transaction.atomic():
        tree = Tree.objects.select_for_update().first()
        if tree is None:
            raise Conflict("The ledger has not been created yet.")
        newest = newest_leaf(VERIFIER_PUBLISHED.name)
        if newest is None or newest["data"]["after"]["details"]["sha256"] != digest:
            append_entry(verb=VERIFIER_PUBLISHED, subject=tree, actor=actor, details={"sha256": digest})
    return digest


def publish_export_key(*, actor: Actor, vkey: str) -> None:
    """Record the verifier key of the key that signs audit exports, once for each different one.

    Raises Conflict before the ledger is created, note.MalformedKey."""
    note.VerifierKey.parse(vkey)
    with transaction.atomic():
        tree = Tree.objects.select_for_update().first()
        if tree is None:
            raise Conflict("The ledger has not been created yet.")
        newest = newest_leaf(EXPORT_KEY_PUBLISHED.name)
        if newest is None or newest["data"]["after"]["details"]["vkey"] != vkey:
            append_entry(verb=EXPORT_KEY_PUBLISHED, subject=tree, actor=actor, details={"vkey": vkey})


def record_verification(*, report: Report, job: str | None, actor: Actor) -> None:
    """Record how a verification ended: how far the log was read, how many findings each section has, and the
    digest of the whole report. The findings themselves stay with the job: they quote rows that somebody may have
    written by hand. Raises Conflict before the ledger is created."""
    with transaction.atomic():
        tree = Tree.objects.select_for_update().first()
        if tree is None:
            raise Conflict("The ledger has not been created yet.")
        append_entry(
            verb=VERIFICATION_PASSED if report.ok else VERIFICATION_FAILED,
            subject=tree,
            actor=actor,
            details={
                "job": job,
                "size": report.size,
                "covered": report.covered,
                "pending": report.pending,
                "checkpoints": report.checkpoints,
                "subjects": report.subjects,
                "anchors": len(report.anchors),
                "findings": report.counts,
                "report": canonical.digest(report.as_dict()),
            },
        )
