"""What entries about lineage say was done."""

from countersign.ledger.verbs import Verb, register

EDGE_ADDED = register(Verb("registry.lineage_edge.added"))
