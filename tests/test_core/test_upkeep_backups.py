"""A backup is whole or not there; a damaged one, or one onto tables, is refused before anything is touched."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from countersign.upkeep import backups
from countersign.upkeep.backups import BackupFailed, back_up, blob_folder, copy_blobs, restore

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_blobs(settings: Settings, tmp_path: Path) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"
    (tmp_path / "blobs").mkdir()


def put(content: bytes, *, name: str = "one") -> Path:
    """A blob in the storage."""
    path = blob_folder() / hashlib.sha256(content).hexdigest() / name
    path.parent.mkdir()
    path.write_bytes(content)
    return path


def test_the_second_backup_copies_new_blobs_alone(tmp_path: Path) -> None:
    put(b"first")
    assert backups.last() is None
    first = back_up(tmp_path / "kept")
    known = backups.last()
    assert known is not None
    assert known[1] == str(first)
    assert json.loads((first / "backup.json").read_text())["blobs_copied"] == 1
    put(b"second")
    assert copy_blobs(blob_folder(), tmp_path / "kept" / "blobs") == 1
    assert (first.stat().st_mode & 0o777) == 0o700
    assert (first / "database.dump").read_bytes().startswith(b"PGDMP")


def test_a_damaged_blob_stops_the_backup_and_leaves_nothing(tmp_path: Path) -> None:
    put(b"what it was").write_bytes(b"what became of it")
    with pytest.raises(BackupFailed, match="is damaged"):
        back_up(tmp_path / "kept")
    assert [path for path in (tmp_path / "kept").rglob("*") if path.is_file()] == []
    assert backups.last() is None


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackupFailed, match="not made"):
        back_up(tmp_path / "file")


def test_onto_tables_nothing_is_restored(tmp_path: Path) -> None:
    made = back_up(tmp_path / "kept")
    with pytest.raises(BackupFailed, match="holds tables already"):
        restore(made)


def test_a_damaged_dump_is_refused(tmp_path: Path) -> None:
    made = back_up(tmp_path / "kept")
    dump = made / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-1])
    with pytest.raises(BackupFailed, match="is damaged"):
        restore(made)
    dump.unlink()
    with pytest.raises(BackupFailed, match="Nothing is restored"):
        restore(made)
