"""What the ledger records of audit exports: taking one away is itself a fact."""

from countersign.ledger.verbs import Verb, register

EXPORT_REQUESTED = register(Verb("governance.audit_export.requested"))
EXPORT_WRITTEN = register(Verb("governance.audit_export.written"))
EXPORT_FAILED = register(Verb("governance.audit_export.failed"))
EXPORT_CANCELLED = register(Verb("governance.audit_export.cancelled"))
