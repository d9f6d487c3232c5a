"""What the ledger records of governance profiles."""

from countersign.ledger.verbs import Verb, register

PROFILE_SET = register(Verb("governance.model_profile.set"))
