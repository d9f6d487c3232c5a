"""An upgrade of a database with data: restored, migrated, verified, read and worked with."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from psycopg import sql

from countersign.accounts.models import User
from countersign.embedded.unprivileged import find_binaries
from countersign.ledger.queries import seal_all
from countersign.ledger.verification import verify
from countersign.permissions import Scope
from tests import databases
from tests.factories.people import api_client, token_for
from tests.rehearsal.make import FOLDER
from tests.stack import EXPORT_KEY, KEY, MODEL

DUMP = FOLDER / "main-job.sql.gz"
GROWS = frozenset({"django_migrations", "django_content_type", "auth_permission"})
"""Django's own lists of what is installed."""
PASSWORD = "rehearsed-with-care-2026"


@dataclass(frozen=True, slots=True)
class Migrated:
    """The migrated database, and each old table's columns and rows as they were before."""

    name: str
    before: dict[str, tuple[list[str], str]]


def digest_of(connected: psycopg.Connection, table: str, columns: list[str]) -> str:
    """One digest over the named columns of all rows."""
    row = connected.execute(
        sql.SQL("SELECT count(*) || ' rows, ' || md5(coalesce(string_agg(r::text, chr(10) ORDER BY r::text), ''))"
                " FROM (SELECT {} FROM {}) r").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table)
        )
    ).fetchone()  # fmt: skip
    assert row is not None
    return str(row[0])


def columns_of(connected: psycopg.Connection) -> dict[str, list[str]]:
    """Every table of the product with its columns in order."""
    found: dict[str, list[str]] = {}
    for table, column in connected.execute(
        "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        " ORDER BY table_name, ordinal_position"
    ):
        if table not in GROWS:
            found.setdefault(table, []).append(column)
    return found


@pytest.fixture(scope="module")
def migrated() -> Iterator[Migrated]:
    """The dump restored into a new database and migrated by the command an operator runs."""
    name = f"rehearsal_{os.environ.get('PYTEST_XDIST_TESTRUNUID', str(os.getpid()))[:12]}"
    with databases.owner() as connected:
        connected.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        owner_url = databases.url_of(os.environ["DATABASE_OWNER_URL"], name)
        subprocess.run(
            [find_binaries() / "psql", "-qX", "-v", "ON_ERROR_STOP=1", f"--dbname={owner_url}"],
            input=gzip.decompress(DUMP.read_bytes()),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        with databases.owner(name) as connected:
            before = {
                table: (columns, digest_of(connected, table, columns))
                for table, columns in columns_of(connected).items()
            }
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput", "-v0"],
            cwd=databases.ROOT,
            env=os.environ
            | {
                "DATABASE_URL": databases.url_of(os.environ["DATABASE_URL"], name),
                "DATABASE_OWNER_URL": owner_url,
                "DJANGO_SETTINGS_MODULE": "countersign.settings",
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        yield Migrated(name, before)
    finally:
        databases.drop(name)


@pytest.fixture
def upgraded(
    migrated: Migrated, django_db_setup: None, django_db_blocker: Any, settings: Any
) -> Iterator[None]:
    """This process works in the migrated database, on the day it was dumped (evidence ages)."""
    own = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict["NAME"] = migrated.name
        with databases.owner(migrated.name) as connected:
            row = connected.execute("SELECT max(created_at) FROM governance_review").fetchone()
        assert row is not None
        settings.CLOCK_OFFSET_SECONDS = (row[0] - datetime.now(UTC)).total_seconds() + 3600
        settings.LEDGER_KEY, settings.EXPORT_KEY = KEY, EXPORT_KEY
        settings.LEDGER_ORIGIN, settings.EXPORT_ORIGIN = "127.0.0.1/ledger", "127.0.0.1/export"
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = own


def test_no_row_of_the_old_version_changed(migrated: Migrated) -> None:
    with databases.owner(migrated.name) as connected:
        now = columns_of(connected)
        after = {
            table: (
                columns,
                digest_of(connected, table, columns) if set(columns) <= set(now.get(table, ())) else "gone",
            )
            for table, (columns, _) in migrated.before.items()
        }
    assert after == migrated.before
    rows = {table: int(said.split()[0]) for table, (_, said) in after.items()}
    for table in ("registry_modelversion", "governance_signoff", "governance_promotion", "ledger_seal"):
        assert rows[table], f"the dump holds rows of {table}"


def test_the_serving_role_may_read_every_table(migrated: Migrated) -> None:
    with psycopg.connect(databases.url_of(os.environ["DATABASE_URL"], migrated.name)) as connected:
        refused = [
            row[0]
            for row in connected.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                " AND NOT has_table_privilege(quote_ident(schemaname) || '.' || quote_ident(tablename), 'SELECT')"
            )
        ]
    assert refused == []


@pytest.mark.usefixtures("upgraded")
def test_the_old_ledger_verifies() -> None:
    report = verify(anchors=[])
    assert report.ok, list(report.lines())


@pytest.mark.usefixtures("upgraded")
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/models/",
        f"/models/{MODEL}/",
        f"/models/{MODEL}/versions/4/",
        f"/models/{MODEL}/versions/4/lineage/",
        f"/models/{MODEL}/versions/2/card/",
        f"/models/{MODEL}/versions/2/evaluations/2/",
        f"/models/{MODEL}/versions/2/audit/",
        "/data/",
        "/reviews/1/",
        "/reviews/2/",
        "/policies/",
        "/environments/",
        "/ledger/",
        "/exports/",
        "/jobs/",
        "/profile/",
    ],
)
def test_old_data_is_shown(path: str) -> None:
    client = Client()
    client.force_login(User.objects.get(username="owen"))
    response = client.get(path)
    assert response.status_code == 200, path


@pytest.mark.usefixtures("upgraded")
def test_the_review_that_waited_is_signed_and_promoted() -> None:
    User.objects.all().update(password=make_password(PASSWORD))
    for username, requirement in (("rosa", "validation"), ("anil", "approval")):
        api = api_client(token_for(User.objects.get(username=username), Scope.READ, Scope.SIGN))
        standing = api.get("/api/v1/reviews/2").json()
        body = {
            "requirement": requirement,
            "decision": "approve",
            "subject_digest": standing["subject_digest"],
            "reason": "Read after the upgrade.",
            "password": PASSWORD,
        }
        signed = api.post("/api/v1/reviews/2/sign-offs", json.dumps(body), content_type="application/json")
        assert signed.status_code == 201, signed.content
    api = api_client(token_for(User.objects.get(username="owen"), Scope.READ, Scope.WRITE))
    body = {"model": MODEL, "version": 4, "environment": "production", "reason": "After the upgrade."}
    made = api.post("/api/v1/promotions", json.dumps(body), content_type="application/json")
    assert made.status_code == 201, made.content
    assert api.get(f"/api/v1/models/{MODEL}/aliases").json()["results"][0]["version"] == 4
    seal_all()
    report = verify(anchors=[])
    assert report.ok, list(report.lines())
