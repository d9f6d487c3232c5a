"""What several benchmarks need: who acts, files nobody else uploaded, a token."""

from __future__ import annotations

import hashlib
from itertools import count

from countersign.accounts.actions import create_token
from countersign.accounts.models import Team, User
from countersign.accounts.queries import person_actor
from countersign.actors import Actor
from countersign.blobs.store import receive
from countersign.permissions import Scope
from registry.versions.actions import register_version
from registry.versions.models import RegisteredModel
from registry.versions.values import ReceivedFile

_numbers = count(1)


def engineer() -> User:
    """The ML engineer of the demonstration."""
    return User.objects.get(username="mara")


def actor() -> Actor:
    """She, as a page sees her."""
    return person_actor(engineer(), via="page")


def team() -> Team:
    """Her team."""
    return Team.objects.get(slug="retail-credit")


def token() -> str:
    """A token of hers for reading and writing."""
    _, plaintext = create_token(
        holder=engineer(), name="bench", scopes=(Scope.READ, Scope.WRITE), days=1, actor=Actor.system()
    )
    return plaintext


def unique_bytes(size: int) -> bytes:
    """Content nothing else has, so that no byte is spared by deduplication."""
    seed = hashlib.sha256(f"countersign-bench-{next(_numbers)}".encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


def add_versions(model: RegisteredModel, number: int, *, by: Actor) -> None:
    """So many more versions of the model."""
    for _ in range(number):
        incoming = receive(iter([unique_bytes(512)]), size=512, expected_sha256=None, limit=512)
        register_version(model=model, files=[ReceivedFile("weights.bin", incoming)], actor=by)
