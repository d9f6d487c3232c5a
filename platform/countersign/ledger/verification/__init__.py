"""Proving that nothing was changed behind the application: `verify` recomputes the whole log and compares it
with itself, with anchors outside the database, and with the tables it speaks of."""

from countersign.ledger.verification.report import Finding, Report, Section
from countersign.ledger.verification.run import LOG_SHARE, own_anchors, verify

__all__ = ["LOG_SHARE", "Finding", "Report", "Section", "own_anchors", "verify"]
