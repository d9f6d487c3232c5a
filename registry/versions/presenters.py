"""Sentences of the audit trail about models, versions, contributors, tags and aliases."""

from __future__ import annotations

from typing import Any

from countersign.accounts.models import User
from countersign.ledger.presenters import Link, Lookup, Sentence, name_with, sentence
from registry import links
from registry.versions.models import ModelVersion, RegisteredModel

MODELS = Lookup(RegisteredModel.objects.in_bulk)
VERSIONS = Lookup(ModelVersion.objects.select_related("model").in_bulk)
_USERS = Lookup(User.objects.in_bulk)


def _linked(text: str, url: str | None) -> Link | str:
    return Link(text, url) if url else text


name_with(MODELS, lambda model: _linked(model.name, links.model(model)))
name_with(VERSIONS, lambda version: _linked(str(version), links.version(version)))


def model_words(ref: str) -> Link | str:
    """The model of this id, as a link."""
    model = MODELS.of(ref)
    return _linked(model.name, links.model(model)) if model else "a model"


def version_words(ref: str) -> Link | str:
    """The version of this id, as a link."""
    version = VERSIONS.of(ref)
    return _linked(str(version), links.version(version)) if version else "a version"


def _about_model(words: str, leaf: dict[str, Any]) -> Sentence:
    return Sentence.of(f"{words} the model ", model_words(leaf["subject"]["ref"]))


def _about_version(words: str, leaf: dict[str, Any]) -> Sentence:
    return Sentence.of(f"{words} ", version_words(leaf["subject"]["ref"]))


@sentence("registry.model.registered")
def model_registered(leaf: dict[str, Any]) -> Sentence:
    """“Registered the model …”."""
    return _about_model("Registered", leaf)


@sentence("registry.model.updated")
def model_updated(leaf: dict[str, Any]) -> Sentence:
    """“Described the model … anew”."""
    return Sentence.of("Described the model ", model_words(leaf["subject"]["ref"]), " anew")


@sentence("registry.model.renamed")
def model_renamed(leaf: dict[str, Any]) -> Sentence:
    """“Renamed the model old to new”."""
    data = leaf["data"]
    return Sentence.of("Renamed the model ", data["before"]["name"], " to ", data["after"]["name"])


@sentence("registry.model.archived")
def model_archived(leaf: dict[str, Any]) -> Sentence:
    """“Archived the model …”."""
    return _about_model("Archived", leaf)


@sentence("registry.model.restored")
def model_restored(leaf: dict[str, Any]) -> Sentence:
    """“Restored the model …”."""
    return _about_model("Restored", leaf)


@sentence("registry.version.registered")
def version_registered(leaf: dict[str, Any]) -> Sentence:
    """“Registered credit-default 14, 4 files, digest 3169f9f0eb45”."""
    state = leaf["data"]["after"]
    files = state["details"]["files"]
    count = "1 file" if files == 1 else f"{files:,} files"
    digest = state["digest"].removeprefix("sha256:")[:12]
    return Sentence.of("Registered ", version_words(leaf["subject"]["ref"]), f", {count}, digest {digest}")


@sentence("registry.version.updated")
def version_updated(leaf: dict[str, Any]) -> Sentence:
    """“Described … anew”."""
    return Sentence.of("Described ", version_words(leaf["subject"]["ref"]), " anew")


@sentence("registry.version.archived")
def version_archived(leaf: dict[str, Any]) -> Sentence:
    """“Archived …”."""
    return _about_version("Archived", leaf)


@sentence("registry.version.restored")
def version_restored(leaf: dict[str, Any]) -> Sentence:
    """“Restored …”."""
    return _about_version("Restored", leaf)


@sentence("registry.contributor.added")
def contributor_added(leaf: dict[str, Any]) -> Sentence:
    """“Named … as trainer of credit-default 14 (declared)”."""
    state = leaf["data"]["after"]
    user = _USERS.of(state["user"])
    who = user.full_name if user else "somebody unknown here"
    kind = state["kind"].replace("_", " ")
    return Sentence.of(
        f"Named {who} as {kind} of ", version_words(state["version"]), f" ({state['known_by']})"
    )


@sentence("registry.tag.set")
def tag_set(leaf: dict[str, Any]) -> Sentence:
    """“Set the tag team=risk of …”."""
    state = leaf["data"]["after"]
    return Sentence.of(f"Set the tag {state['key']} to “{state['value'][:80]}” of ", _tagged(state))


@sentence("registry.tag.deleted")
def tag_deleted(leaf: dict[str, Any]) -> Sentence:
    """“Took the tag … from …”."""
    state = leaf["data"]["before"]
    return Sentence.of(f"Took the tag {state['key']} from ", _tagged(state))


def _tagged(state: dict[str, Any]) -> Link | str:
    return version_words(state["version"]) if state["version"] else model_words(state["model"])


@sentence("registry.alias.set")
def alias_set(leaf: dict[str, Any]) -> Sentence:
    """“Moved the alias champion from credit-default 12 to credit-default 14”."""
    before, after = leaf["data"]["before"], leaf["data"]["after"]
    if before is None:
        return Sentence.of(f"Set the alias {after['name']} to ", version_words(after["version"]))
    earlier, later = version_words(before["version"]), version_words(after["version"])
    return Sentence.of(f"Moved the alias {after['name']} from ", earlier, " to ", later)


@sentence("registry.alias.deleted")
def alias_deleted(leaf: dict[str, Any]) -> Sentence:
    """“Took the alias … from …”."""
    state = leaf["data"]["before"]
    return Sentence.of(f"Took the alias {state['name']} from ", version_words(state["version"]))
