"""What the ledger records of promotions and rollbacks."""

from countersign.ledger.verbs import Verb, register

PROMOTED = register(Verb("governance.promotion.made"))
ROLLED_BACK = register(Verb("governance.promotion.rolled_back"))
