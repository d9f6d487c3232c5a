"""What an entry says was done. A verb is registered once, with a version, and carries how it is replayed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What an entry of a verb says about the row it is about: STATE, `data.after` is the row's whole state;
    GONE, the row exists no longer; NONE, nothing (a refused attempt, a notice)."""

    STATE = "state"
    GONE = "gone"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Verb:
    """`name` reads `domain.thing.participle`; `version` counts up when the shape of `details` changes."""

    name: str
    version: int = 1
    effect: Effect = Effect.STATE


class UnknownVerb(LookupError):
    """The verb was never registered: a programming error, so nothing is written."""


_verbs: dict[str, Verb] = {}


def register(verb: Verb) -> Verb:
    """Make a verb known at import time and return it. Raises ValueError when the name is taken."""
    if verb.name in _verbs:
        raise ValueError(f"the verb {verb.name} is registered already")
    if verb.version < 1 or len(verb.name) > 100:
        raise ValueError(f"the verb {verb.name} needs a version from 1 and a name of at most 100 characters")
    _verbs[verb.name] = verb
    return verb


def known(name: str) -> Verb | None:
    """The registered verb of this name."""
    return _verbs.get(name)


def all_verbs() -> list[Verb]:
    """Every registered verb, by name."""
    return [_verbs[name] for name in sorted(_verbs)]


def replayed() -> list[str]:
    """Names of the verbs whose entries tell the state of a row (STATE and GONE)."""
    return [verb.name for verb in all_verbs() if verb.effect is not Effect.NONE]


CREATED = register(Verb("ledger.created"))
VERIFIER_PUBLISHED = register(Verb("ledger.verifier.published", effect=Effect.NONE))
VERIFICATION_REQUESTED = register(Verb("ledger.verification.requested", effect=Effect.NONE))
VERIFICATION_PASSED = register(Verb("ledger.verification.passed", effect=Effect.NONE))
VERIFICATION_FAILED = register(Verb("ledger.verification.failed", effect=Effect.NONE))
EXPORT_KEY_PUBLISHED = register(Verb("ledger.export_key.published", effect=Effect.NONE))
