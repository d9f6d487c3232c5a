"""What entries about models, versions, contributors, tags and aliases say was done."""

from countersign.ledger.verbs import Effect, Verb, register

MODEL_REGISTERED = register(Verb("registry.model.registered"))
MODEL_UPDATED = register(Verb("registry.model.updated"))
MODEL_RENAMED = register(Verb("registry.model.renamed"))
MODEL_ARCHIVED = register(Verb("registry.model.archived"))
MODEL_RESTORED = register(Verb("registry.model.restored"))
VERSION_REGISTERED = register(Verb("registry.version.registered"))
VERSION_UPDATED = register(Verb("registry.version.updated"))
VERSION_ARCHIVED = register(Verb("registry.version.archived"))
VERSION_RESTORED = register(Verb("registry.version.restored"))
CONTRIBUTOR_ADDED = register(Verb("registry.contributor.added"))
TAG_SET = register(Verb("registry.tag.set"))
TAG_DELETED = register(Verb("registry.tag.deleted", effect=Effect.GONE))
ALIAS_SET = register(Verb("registry.alias.set"))
ALIAS_DELETED = register(Verb("registry.alias.deleted", effect=Effect.GONE))
