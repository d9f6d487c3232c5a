"""What entries about datasets say was done."""

from countersign.ledger.verbs import Verb, register

DATASET_CREATED = register(Verb("registry.dataset.created"))
DATASET_UPDATED = register(Verb("registry.dataset.updated"))
DATASET_VERSION_REGISTERED = register(Verb("registry.dataset_version.registered"))
