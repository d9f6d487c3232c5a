"""Append-only three times over: what PostgreSQL itself refuses, whoever asks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection

from countersign.ledger import roles
from tests import databases
from tests.test_core.ledger_kit import Sealing, begin, new_team

APPEND_ONLY = ["ledger_entry", "ledger_seal", "ledger_node", "ledger_checkpoint"]
FIRST_COLUMN = {
    "ledger_entry": "canonical",
    "ledger_seal": "leaf",
    "ledger_node": "hash",
    "ledger_checkpoint": "note",
}


def changes(table: str) -> list[str]:
    """Every way to take back what a table says, also where it holds no row."""
    column = FIRST_COLUMN[table]
    return [
        f"UPDATE {table} SET {column} = {column}",
        f"UPDATE {table} SET {column} = {column} WHERE false",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"TRUNCATE {table} CASCADE",
    ]


@pytest.fixture
def sealed(transactional_db: None, tmp_path: Path, settings: Any) -> str:
    """A ledger with sealed entries; the name of its database."""
    settings.LEDGER_ANCHOR_FOLDER = tmp_path
    begin()
    new_team()
    Sealing(tmp_path, lambda seconds: None)()
    return str(connection.settings_dict["NAME"])


def superuser(name: str) -> psycopg.Connection:
    """Somebody with every right in the database."""
    base = os.environ.get("DATABASE_SUPERUSER_URL") or os.environ["DATABASE_OWNER_URL"]
    return psycopg.connect(databases.url_of(base, name), autocommit=True)


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_triggers_refuse_the_owner_and_do_not_sleep_under_replication(sealed: str, table: str) -> None:
    with databases.owner(sealed) as owner, superuser(sealed) as replica:
        replica.execute("SET session_replication_role = replica")
        for attacker in (owner, replica):
            for change in changes(table):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                    attacker.execute(change)


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_serving_role_may_not_even_try(sealed: str, table: str) -> None:
    for change in changes(table):
        with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(change)


def test_the_serving_role_may_empty_only_the_queue_and_erase_only_personal_values(sealed: str) -> None:
    refused = [
        "UPDATE ledger_pending SET entry_id = 1",
        "TRUNCATE ledger_pending",
        "UPDATE ledger_personal SET value = ''",
        "TRUNCATE ledger_personal",
        "DELETE FROM ledger_tree",
        "TRUNCATE ledger_tree",
        "ALTER TABLE ledger_entry DISABLE TRIGGER refuse",
        "DROP TRIGGER refuse ON ledger_entry",
        "DROP TABLE ledger_entry",
    ]
    for statement in refused:
        refusal = pytest.raises(ProgrammingError, match=r"permission denied|must be owner")
        with refusal, connection.cursor() as cursor:
            cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ledger_pending")
        cursor.execute("DELETE FROM ledger_personal")
        cursor.execute("UPDATE ledger_tree SET size = size")


def test_excess_privileges_are_named(sealed: str) -> None:
    assert roles.excess_privileges() == []
    with databases.owner(sealed) as owner:
        owner.execute(f"GRANT UPDATE ON ledger_entry TO {connection.settings_dict['USER']}")
    assert roles.excess_privileges() == ["the serving role may UPDATE ledger_entry"]


def test_the_database_checks_what_it_is_given(sealed: str) -> None:
    refused = {
        "INSERT INTO ledger_entry (canonical) VALUES ('')": "ledger_entry_size",
        "INSERT INTO ledger_entry (canonical) VALUES (repeat('x', 65536)::bytea)": "ledger_entry_size",
        "INSERT INTO ledger_entry (id, canonical) VALUES (1, '{}')": "GENERATED ALWAYS",
        "INSERT INTO ledger_node VALUES (1, 0, 'short')": "ledger_node_hash",
        "UPDATE ledger_tree SET one = false": "ledger_tree_is_one",
        "INSERT INTO ledger_tree (id, one, origin, vkey, size, frontier)"
        " VALUES (gen_random_uuid(), true, 'o', 'v', 0, '')": "unique",
    }
    for statement, names in refused.items():
        with pytest.raises(Exception, match=names), connection.cursor() as cursor:
            cursor.execute(statement)
