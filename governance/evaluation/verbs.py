"""What the ledger records of evaluations."""

from countersign.ledger.verbs import Verb, register

EVALUATION_REQUESTED = register(Verb("governance.evaluation.requested"))
EVALUATION_SUCCEEDED = register(Verb("governance.evaluation.succeeded"))
EVALUATION_FAILED = register(Verb("governance.evaluation.failed"))
EVALUATION_CANCELLED = register(Verb("governance.evaluation.cancelled"))
