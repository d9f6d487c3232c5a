"""What the registry's tests share: entries as they were written, and a ledger that cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from django.db import connection, transaction

from countersign.actors import Actor
from countersign.ledger.models import Entry, Recorded
from countersign.permissions import Role
from tests.factories import registry as make
from tests.factories.people import actor_for, make_user


def leaves() -> list[dict[str, Any]]:
    """Every entry, oldest first."""
    return [orjson.loads(bytes(entry.canonical)) for entry in Entry.objects.order_by("id")]


def verbs_since(count: int) -> list[str]:
    """The verbs of the entries after the first `count`."""
    return [leaf["verb"] for leaf in leaves()[count:]]


def last(verb: str) -> dict[str, Any]:
    """The newest entry of a verb."""
    return [leaf for leaf in leaves() if leaf["verb"] == verb][-1]


def assert_entry(
    leaf: dict[str, Any],
    *,
    verb: str,
    subject: Recorded,
    actor: Actor,
    after: dict[str, Any] | None,
    before: dict[str, Any] | None = None,
) -> None:
    """Assert that an entry says exactly this."""
    assert leaf["verb"] == verb
    assert leaf["subject"] == {"type": subject.ledger_type, "ref": str(subject.pk)}
    assert leaf["actor"] == {"kind": actor.kind.value, "ref": str(actor.ref) if actor.ref else None}
    assert (leaf["act"], leaf["via"]) == (str(actor.act), actor.via)
    assert leaf["data"] == {"before": before, "after": after}
    assert leaf["personal"] == {}


def snapshot() -> dict[str, int]:
    """How many rows each table of registry, blobs and ledger has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(registry|blobs|ledger)_' "
            "ORDER BY 1"
        )
        tables = [row[0] for row in cursor.fetchall()]
        counts = {}
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    return counts


@contextmanager
def nothing_changes(*, but: str = "") -> Iterator[None]:
    """Assert that no row comes or goes inside, `but` in tables whose name begins so."""
    before = snapshot()
    yield
    after = snapshot()
    changed = {name for name in before | after if before[name] != after[name]}
    assert not {name for name in changed if not but or not name.startswith(but)}


REFUSAL = "ledger_"
"""A refusal of a known actor is told in the ledger, and there only."""


@contextmanager
def broken_ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A ledger whose INSERT fails in the database, as on a full disk; and nothing may then have changed."""
    from countersign.ledger import append

    before = snapshot()
    with monkeypatch.context() as patched:
        patched.setattr(append, "_INSERT", "INSERT INTO ledger_entry (canonical) VALUES (%s), (NULL)")
        with pytest.raises(Exception, match="null value in column"), transaction.atomic():
            yield
    assert snapshot() == before


def outsider() -> Actor:
    """A contributor and owner of another team."""
    team, actor = make.make_makers()
    assert team is not None
    return actor


def viewer(team: Any) -> Actor:
    """Somebody who may only see."""
    return actor_for(make_user(roles=[(Role.VIEWER, team)]), via="rest")


def as_serving_role(statement: str, values: dict[str, Any]) -> None:
    """Run SQL of one's own, with deferred constraints answering as at commit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
