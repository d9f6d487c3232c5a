"""What the ledger records of policies."""

from countersign.ledger.verbs import Verb, register

POLICY_STARTED = register(Verb("governance.policy.started"))
REVISION_DRAFTED = register(Verb("governance.policy_revision.drafted"))
REVISION_PUT_IN_FORCE = register(Verb("governance.policy_revision.put_in_force"))
REVISION_SUPERSEDED = register(Verb("governance.policy_revision.superseded"))
REVISION_SHIPPED = register(Verb("governance.policy_revision.shipped"))
REVISION_DISCARDED = register(Verb("governance.policy_revision.discarded"))
