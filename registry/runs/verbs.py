"""What entries about experiments and runs say was done."""

from countersign.ledger.verbs import Verb, register

EXPERIMENT_CREATED = register(Verb("registry.experiment.created"))
RUN_STARTED = register(Verb("registry.run.started"))
RUN_ENDED = register(Verb("registry.run.ended"))
