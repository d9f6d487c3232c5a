"""PostgreSQL: version, settings that decide whether a commit lasts, roles, migrations, and its clock beside ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from countersign.ledger.roles import GRANTS
from countersign.upkeep.doctor.findings import Finding, missing, ok, weak

OLDEST = 16
CLOCK_SECONDS = 2.0
"""Two clocks may differ by so much before entries of two hosts stand in a wrong order in time."""

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_LOCAL = {"", "127.0.0.1", "localhost", "::1"}


def examine() -> Iterator[Finding]:
    """Findings about the database; one alone when it does not answer."""
    try:
        (number,) = _row("SELECT current_setting('server_version_num')::int")
    except DatabaseError as error:
        yield missing(
            "PostgreSQL",
            f"it does not answer ({type(error).__name__})",
            why="Nothing works without it: every request answers 503, jobs wait.",
            do="Start it, and check DATABASE_URL. More can be said once it answers.",
        )
        return
    yield _version(int(number))
    yield from _durability()
    yield _transport()
    yield _role()
    yield _migrations()
    yield _clock()
    yield _extension()


def _row(query: str, parameters: list[Any] | None = None) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        row = cursor.fetchone()
    return tuple(row or ())


def _version(number: int) -> Finding:
    (text,) = _row("SELECT current_setting('server_version')")
    if number < OLDEST * 10_000:
        return missing(
            "PostgreSQL",
            f"version {text}",
            why=f"Migrations use what PostgreSQL {OLDEST} brought.",
            do=f"Upgrade the server to {OLDEST} or newer.",
        )
    return ok("PostgreSQL", f"version {text}")


def _durability() -> Iterator[Finding]:
    for name, wanted in DURABLE.items():
        (value,) = _row("SELECT current_setting(%s)", [name])
        if value == "off":
            yield missing(
                f"PostgreSQL {name}",
                "off",
                why="A power cut may lose or damage what was committed: a signature that was shown as made.",
                do=f"Set {name} = {wanted} in postgresql.conf and restart the server.",
            )
        else:
            yield ok(f"PostgreSQL {name}", str(value))
    (checksums,) = _row("SELECT current_setting('data_checksums')")
    if checksums == "on":
        yield ok("PostgreSQL data_checksums", "on")
    else:
        yield weak(
            "PostgreSQL data_checksums",
            "off",
            why="A page damaged on disk is read as if it were right.",
            do="Stop the server and run pg_checksums --enable on its data folder.",
        )


def _transport() -> Finding:
    host = str(connection.settings_dict["HOST"])
    (encrypted,) = _row("SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)")
    if encrypted or host in _LOCAL or host.startswith("/"):
        return ok("PostgreSQL connection", "encrypted" if encrypted else "on this machine")
    return weak(
        "PostgreSQL connection",
        "over the network, not encrypted",
        why="Whoever sees the network between the hosts reads everything.",
        do="Switch ssl on in the server and add ?sslmode=verify-full to DATABASE_URL; on a network of containers on "
        "one host this may stay as it is.",
    )


def _role() -> Finding:
    role = str(settings.SERVING_ROLE)
    owner, superuser = _row(
        "SELECT (SELECT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename = 'ledger_entry'),"
        " (SELECT rolsuper FROM pg_roles WHERE rolname = %s)",
        [role],
    )
    do = (
        "Make a second role that owns the database and run `manage.py migrate` with it in DATABASE_OWNER_URL; it "
        "grants the serving role of DATABASE_URL what it needs (docs/operating.md, Install)."
    )
    why = "With it the application itself could rewrite the ledger, drop its triggers or alter tables."
    if owner is None:
        return missing(
            "Database roles",
            "there are no tables yet",
            why="Nothing is stored.",
            do="Run `manage.py migrate`.",
        )
    if superuser:
        return weak("Database roles", f"the serving role {role} is a superuser", why=why, do=do)
    if owner == role:
        return weak("Database roles", f"one role, {role}, owns the tables and serves", why=why, do=do)
    excess = _excess(role)
    if excess:
        return weak(
            "Database roles",
            f"the serving role {role} may " + ", ".join(excess),
            why=why,
            do="Run `manage.py migrate` as the owner: it takes back what is more than needed.",
        )
    return ok("Database roles", f"{owner} owns, {role} serves and cannot rewrite the ledger")


def _excess(role: str) -> list[str]:
    return [
        f"{privilege} {table}"
        for table, privileges in GRANTS.items()
        for privilege in ("UPDATE", "DELETE", "TRUNCATE")
        if privilege not in privileges
        and _row("SELECT has_table_privilege(%s, %s, %s)", [role, table, privilege])[0]
    ]


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan[:3])
        return missing(
            "Migrations",
            f"{len(plan)} wait ({names}{', …' if len(plan) > 3 else ''})",
            why="The code expects tables that are not there yet: pages and jobs fail.",
            do="Run `manage.py migrate` with DATABASE_OWNER_URL, after a backup.",
        )
    return ok("Migrations", "none wait")


def _clock() -> Finding:
    before = datetime.now(UTC)
    (there,) = _row("SELECT clock_timestamp()")
    here = before + (datetime.now(UTC) - before) / 2
    seconds = (here - there).total_seconds()
    if abs(seconds) > CLOCK_SECONDS:
        return weak(
            "Clock and database",
            f"this host is {abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} the database's",
            why="Times in the ledger come from the hosts that serve, lease ends are compared with them: jobs may be "
            "taken back too early, entries seem to stand out of order.",
            do="Let chrony or systemd-timesyncd set the clock on both hosts.",
        )
    return ok("Clock and database", f"{abs(seconds) * 1000:.0f} ms apart")


def _extension() -> Finding:
    (there,) = _row("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'btree_gist')")
    if there:
        return ok("PostgreSQL btree_gist", "installed")
    return missing(
        "PostgreSQL btree_gist",
        "not installed",
        why="Periods that must not overlap (roles, what is live) are kept apart by it.",
        do="As a superuser, in the database: CREATE EXTENSION btree_gist",
    )
