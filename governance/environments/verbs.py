"""What the ledger records of environments."""

from countersign.ledger.verbs import Verb, register

ENVIRONMENT_CREATED = register(Verb("governance.environment.created"))
