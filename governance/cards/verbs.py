"""What the ledger records of model cards."""

from countersign.ledger.verbs import Verb, register

CARD_SAVED = register(Verb("governance.card_revision.saved"))
