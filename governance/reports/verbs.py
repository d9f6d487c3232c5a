"""What the ledger records of reports."""

from countersign.ledger.verbs import Verb, register

REPORT_RECORDED = register(Verb("governance.report.recorded"))
