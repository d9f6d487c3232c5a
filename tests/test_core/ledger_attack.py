"""A table owner who rebuilds whatever the tree needs to look whole again, for the tests of `verify`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from countersign.canonical import canonical
from countersign.ledger.note import Head, sign
from countersign.ledger.tree import TILE_WIDTH, Frontier, fold, leaf_hash
from countersign.ledger.verification import Report, Section
from tests import databases

SIZE, STEP = 600, 100
"""Entries of the log that is attacked, and how many a checkpoint adds."""


class Built:
    """A finished log: the template of its database, its anchors, and a team its entries tell of."""

    def __init__(self, template: str, folder: Path, team: Any) -> None:
        self.template, self.team = template, team
        self.mirror = folder / "mirror"
        self.anchor = folder / "anchor-400"


class Attacker:
    """Owns the tables, has switched the triggers off, and knows how a Merkle tree is built."""

    def __init__(self, database: psycopg.Connection) -> None:
        self.database = database

    def run(self, statement: str, *parameters: Any) -> None:
        self.database.execute(statement, parameters)

    def leaf(self, index: int) -> dict[str, Any]:
        encoded = self.database.execute(
            "SELECT canonical FROM ledger_seal JOIN ledger_entry ON id = entry_id WHERE index = %s", [index]
        ).fetchone()
        assert encoded is not None
        decoded: dict[str, Any] = orjson.loads(encoded[0])
        return decoded

    def write(self, index: int, leaf: dict[str, Any]) -> None:
        self.run(
            "UPDATE ledger_entry SET canonical = %s FROM ledger_seal WHERE entry_id = id AND index = %s",
            canonical(leaf),
            index,
        )

    def insert(self, index: int, leaf: dict[str, Any]) -> None:
        """A new entry at `index`; all behind it move on."""
        self.run("UPDATE ledger_seal SET index = -index - 1 WHERE index >= %s", index)
        self.run("UPDATE ledger_seal SET index = -index WHERE index < 0")
        self.run(
            "WITH entry AS (INSERT INTO ledger_entry (canonical) VALUES (%s) RETURNING id)"
            " INSERT INTO ledger_seal (index, entry_id, leaf, uuid, verb, actor, act, subject_type,"
            " subject_ref, recorded_at) SELECT %s, id, %s, %s, %s, %s, %s, %s, %s, %s FROM entry",
            *(
                canonical(leaf),
                index,
                leaf_hash(canonical(leaf)),
                leaf["id"],
                leaf["verb"],
                leaf["actor"]["ref"],
            ),
            *(leaf["act"], leaf["subject"]["type"], leaf["subject"]["ref"], leaf["recorded_at"]),
        )

    def rebuild(self, key: Ed25519PrivateKey | None = None, origin: str = "") -> None:
        """Leaves, nodes and state as the bytes now lead to; with a key, every checkpoint is signed anew."""
        rows = self.database.execute(
            "SELECT index, canonical FROM ledger_seal JOIN ledger_entry ON id = entry_id ORDER BY index"
        ).fetchall()
        leaves = [leaf_hash(encoded) for _, encoded in rows]
        for (index, _), leaf in zip(rows, leaves, strict=True):
            self.run("UPDATE ledger_seal SET leaf = %s WHERE index = %s AND leaf <> %s", leaf, index, leaf)
        self.run("DELETE FROM ledger_node")
        for n in range(len(leaves) // TILE_WIDTH):
            root = fold(leaves[n * TILE_WIDTH : (n + 1) * TILE_WIDTH])
            self.run("INSERT INTO ledger_node (level, n, hash) VALUES (1, %s, %s)", n, root)
        frontier = Frontier()
        frontier.extend(leaves)
        self.run("UPDATE ledger_tree SET size = %s, frontier = %s", len(leaves), frontier.to_bytes())
        if key is not None:
            for size in range(STEP, len(leaves) + 1, STEP):
                head = Frontier()
                head.extend(leaves[:size])
                note = sign(Head(origin, size, head.root()).text(), origin, key)
                self.run(
                    "UPDATE ledger_checkpoint SET root = %s, note = %s WHERE size = %s",
                    head.root(),
                    note,
                    size,
                )

    def forge(self, index: int) -> None:
        """Change what an entry says and rebuild the rest."""
        leaf = self.leaf(index)
        leaf["via"] = "forged"
        self.write(index, leaf)


def attack(deed: Callable[[Attacker], None]) -> None:
    tables = ("ledger_entry", "ledger_seal", "ledger_node", "ledger_checkpoint")
    with databases.owner(str(connection.settings_dict["NAME"])) as database:
        for table in tables:
            database.execute(f"ALTER TABLE {table} DISABLE TRIGGER refuse")
        database.execute("ALTER TABLE ledger_seal DROP CONSTRAINT ledger_seal_index")
        deed(Attacker(database))
        for table in tables:
            database.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER refuse")


def found(report: Report) -> list[tuple[Section, str]]:
    return [(finding.section, finding.sentence) for finding in report.findings]
