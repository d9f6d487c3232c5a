"""What the ledger records of jobs: only what a person did to one. What a job changes is recorded by its actions."""

from countersign.ledger.verbs import Effect, Verb, register

JOB_CANCELLED = register(Verb("jobs.job.cancelled", effect=Effect.NONE))
JOB_RETRIED = register(Verb("jobs.job.retried", effect=Effect.NONE))
