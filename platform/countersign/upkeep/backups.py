"""A backup that can be restored: the ledger's anchor, the database and the blobs, in an order that fits together.

    FOLDER/blobs/<sha256>/<uuid>      shared by all backups; what is there already is not copied again
    FOLDER/2026-11-24T120000Z/        database.dump, ledger/, backup.json; appears whole or not at all

The anchor is copied first, so that the dump continues it. Blobs are copied before and after the dump: one that the
dump's rows name was there before it, or came during it. The signing keys are not in it: they are kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from countersign import clock
from countersign.embedded.problems import Problem
from countersign.embedded.unprivileged import find_binaries
from countersign.errors import CountersignError

NOTE = "backup.json"
"""In the folder of the blobs: when the last backup was made, and whereto. `doctor` reads it."""

DUMP = "database.dump"
_BLOCK = 1024 * 1024


class BackupFailed(CountersignError):
    """No backup was made, or nothing was restored; the message says why."""

    code = "backup_failed"


def blob_folder() -> Path:
    """Where the blobs lie."""
    return Path(urlsplit(settings.STORAGE_URL).path)


def back_up(folder: Path) -> Path:
    """Make a backup below `folder` and return its own folder. Raises BackupFailed; a half one is never left under a
    final name."""
    made_at = clock.now()
    final = folder / f"{made_at:%Y-%m-%dT%H%M%SZ}"
    partial = folder / f".{final.name}.partial"
    try:
        partial.mkdir(mode=0o700, parents=True)
        try:
            anchor = Path(settings.LEDGER_ANCHOR_FOLDER)
            if anchor.is_dir():
                shutil.copytree(anchor, partial / "ledger", ignore=shutil.ignore_patterns(".*"))
            blobs = copy_blobs(blob_folder(), folder / "blobs")
            _run("pg_dump", "--format=custom", "--no-owner", "--no-comments", f"--file={partial / DUMP}")
            blobs += copy_blobs(blob_folder(), folder / "blobs")
            note = {
                "made_at": made_at.isoformat(),
                "folder": str(final),
                "database": connection.settings_dict["NAME"],
                "sha256": _digest(partial / DUMP),
                "blobs_copied": blobs,
            }
            _write(partial / NOTE, note)
            partial.rename(final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _write(blob_folder() / NOTE, note)
    except OSError as error:
        raise BackupFailed(f"The backup was not made: {error}") from error
    return final


def restore(source: Path) -> None:
    """Put a backup's database, blobs and anchor in place, as the owner of an empty database. Raises BackupFailed.

    An anchor that is here already stays: where it is ahead of the backup, the sealer says what was lost."""
    try:
        note = json.loads((source / NOTE).read_text(encoding="utf-8"))
        if _digest(source / DUMP) != note["sha256"]:
            raise BackupFailed(
                f"{source / DUMP} is damaged: its digest is not the one noted when it was made."
            )
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            if cursor.fetchone()[0]:
                raise BackupFailed(
                    f"The database {connection.settings_dict['NAME']} holds tables already. Restore into a new, "
                    "empty one."
                )
        connection.close()
        copy_blobs(source.parent / "blobs", blob_folder())
        _run(
            "pg_restore",
            "--exit-on-error",
            "--single-transaction",
            "--no-owner",
            "--dbname=",
            str(source / DUMP),
        )
        anchor = Path(settings.LEDGER_ANCHOR_FOLDER)
        if (source / "ledger").is_dir() and not (anchor / "checkpoint").exists():
            shutil.copytree(source / "ledger", anchor, dirs_exist_ok=True)
    except (OSError, ValueError, KeyError) as error:
        raise BackupFailed(f"Nothing is restored: {error}") from error


def copy_blobs(source: Path, target: Path) -> int:
    """Copy every blob that `target` lacks, checking its digest; how many. Raises BackupFailed for a damaged one."""
    copied = 0
    for path in _blobs(source):
        there = target / path.parent.name / path.name
        if there.exists():
            continue
        there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = there.with_name(f".{path.name}.partial")
        digest = hashlib.sha256()
        try:
            with path.open("rb") as reading, partial.open("wb") as writing:
                while block := reading.read(_BLOCK):
                    digest.update(block)
                    writing.write(block)
                writing.flush()
                os.fsync(writing.fileno())
        except FileNotFoundError:  # collected meanwhile: no row names it any more
            partial.unlink(missing_ok=True)
            continue
        if digest.hexdigest() != path.parent.name:
            partial.unlink()
            raise BackupFailed(f"The blob {path} is damaged: its digest is {digest.hexdigest()}.")
        partial.chmod(0o400)
        partial.rename(there)
        copied += 1
    return copied


def _blobs(folder: Path) -> Iterator[Path]:
    for path in folder.glob("*/*"):
        if len(path.parent.name) == 64 and not path.name.startswith("."):
            yield path


def _run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on our database; its password goes by the environment, seen by no list."""
    database = connection.settings_dict
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PGHOST": str(database["HOST"]),
        "PGPORT": str(database["PORT"] or "5432"),
        "PGUSER": str(database["USER"]),
        "PGPASSWORD": str(database["PASSWORD"]),
        "PGDATABASE": str(database["NAME"]),
        **{
            f"PG{name.upper()}": str(value)
            for name, value in database["OPTIONS"].items()
            if name.startswith("ssl")
        },
    }
    arguments = tuple(
        f"--dbname={database['NAME']}" if argument == "--dbname=" else argument for argument in arguments
    )
    done = subprocess.run([_program(program), *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0]
        raise BackupFailed(f"{program} failed: {said}")


def _program(name: str) -> str:
    """The program of the embedded PostgreSQL, which reads every older server too, else the one on PATH."""
    try:
        return str(find_binaries() / name)
    except Problem:
        found = shutil.which(name)
        if found is None:
            raise BackupFailed(f"There is no {name} here: install PostgreSQL's client programs.") from None
        return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, note: dict[str, object]) -> None:
    partial = path.with_name(f".{path.name}.new")
    partial.write_text(json.dumps(note) + "\n", encoding="utf-8")
    partial.replace(path)


def last() -> tuple[datetime, str] | None:
    """When the last backup was made, and its folder; None when none is known."""
    try:
        note = json.loads((blob_folder() / NOTE).read_text(encoding="utf-8"))
        return datetime.fromisoformat(note["made_at"]).astimezone(UTC), str(note["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
