"""What the ledger records of comparisons."""

from countersign.ledger.verbs import Effect, Verb, register

COMPARISON_REQUESTED = register(Verb("governance.comparison.requested", effect=Effect.NONE))
COMPARISON_RECORDED = register(Verb("governance.comparison.recorded"))
