"""What `doctor` says of this host, and of each thing that can be wrong with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django.fixtures import Settings

from countersign import clock, signs
from countersign.actors import Actor
from countersign.ledger.actions import create_ledger
from countersign.ledger.keys import ledger_key
from countersign.ledger.note import VerifierKey
from countersign.ledger.queries import seal_all
from countersign.upkeep.backups import NOTE, blob_folder
from countersign.upkeep.doctor import backups, broker, database, exposure, host, ledger, secrets
from countersign.upkeep.doctor.findings import Finding, State, exit_status, lines, missing, ok, weak

pytestmark = pytest.mark.django_db


def named(examination: Callable[[], Iterable[Finding]], name: str) -> Finding:
    """The finding of this name."""
    (found,) = [finding for finding in examination() if finding.name == name]
    return found


def begin_ledger(settings: Settings) -> None:
    """A ledger by the tests' key."""
    vkey = str(VerifierKey.of(settings.LEDGER_ORIGIN, ledger_key()))
    create_ledger(actor=Actor.system(), origin=settings.LEDGER_ORIGIN, vkey=vkey)


def test_what_is_not_well_says_why_and_what_to_do() -> None:
    everything = [
        finding
        for module in (database, broker, ledger, backups, secrets, exposure, host)
        for finding in module.examine()
    ]
    assert len(everything) > 20
    for finding in everything:
        assert bool(finding.why) == bool(finding.do) == (finding.state is not State.OK), finding


def test_a_server_that_forgets_commits_is_named() -> None:
    found = named(database.examine, "PostgreSQL fsync")
    assert found.state is State.MISSING, "the tests' own server runs without"
    assert "fsync = on" in found.do
    assert named(database.examine, "PostgreSQL").state is State.OK


def test_two_roles_are_well_and_one_is_weak(settings: Settings) -> None:
    assert named(database.examine, "Database roles").state is State.OK
    settings.SERVING_ROLE = "countersign_owner"
    found = named(database.examine, "Database roles")
    assert found.state is State.WEAK
    assert "one role, countersign_owner" in found.seen
    assert "DATABASE_OWNER_URL" in found.do
    settings.SERVING_ROLE = "postgres"
    assert "superuser" in named(database.examine, "Database roles").seen


def test_a_pending_migration_is_named() -> None:
    assert named(database.examine, "Migrations").state is State.OK
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'ledger' AND name = '0002_append_only'")
    found = named(database.examine, "Migrations")
    assert found.state is State.MISSING
    assert "ledger.0002_append_only" in found.seen


def test_a_dead_database_is_one_finding(settings: Settings) -> None:
    connection.close()
    host_before = connection.settings_dict["HOST"]
    connection.settings_dict["HOST"] = "/nowhere"
    try:
        (found,) = database.examine()
        assert list(ledger.examine()) == []
    finally:
        connection.settings_dict["HOST"] = host_before
    assert (found.name, found.state) == ("PostgreSQL", State.MISSING)


def test_silent_workers_and_beat_are_named_until_they_speak(settings: Settings) -> None:
    with signs.connect(settings.REDIS_URL) as client:
        client.flushdb()
    assert {finding.name for finding in broker.examine() if finding.state is State.MISSING} == {
        "Worker core",
        "Worker evaluation",
        "Beat",
    }
    signs.note_worker(settings.REDIS_URL, ["core", "evaluation"])
    assert signs.take_beat(settings.REDIS_URL)
    assert [finding.name for finding in broker.examine() if finding.state is not State.OK] == []
    signs.leave_beat(settings.REDIS_URL)
    assert named(broker.examine, "Beat").state is State.MISSING


def test_a_dead_redis_is_one_finding(settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    (found,) = broker.examine()
    assert (found.name, found.state) == ("Redis", State.MISSING)
    assert "nothing is lost" in found.why


def test_a_ledger_goes_from_missing_to_well(settings: Settings) -> None:
    assert named(ledger.examine, "Ledger").state is State.MISSING
    begin_ledger(settings)
    assert named(ledger.examine, "Anchor of the ledger").state is State.WEAK
    seal_all()
    assert {finding.state for finding in ledger.examine()} == {State.OK}
    settings.LEDGER_KEY = settings.EXPORT_KEY
    assert named(ledger.examine, "Signing key").state is State.MISSING


def test_entries_that_wait_too_long_and_a_clock_moved_back_are_named(settings: Settings) -> None:
    begin_ledger(settings)
    settings.CLOCK_OFFSET_SECONDS = 300
    found = named(ledger.examine, "Sealing")
    assert found.state is State.MISSING
    assert "300 s" in found.seen
    seal_all()
    settings.CLOCK_OFFSET_SECONDS = -3600
    found = named(ledger.examine, "Clock and ledger")
    assert found.state is State.WEAK
    assert "moved back" in found.why


def test_a_backup_is_unknown_then_fresh_then_old(settings: Settings) -> None:
    settings.STORAGE_URL = f"file://{settings.LEDGER_ANCHOR_FOLDER}-blobs"
    (none,) = backups.examine()
    assert (none.state, none.seen) == (State.WEAK, "none is known")
    for age, state in ((timedelta(hours=1), State.OK), (timedelta(days=3), State.WEAK)):
        blob_folder().mkdir(exist_ok=True)
        note = {"made_at": (clock.now() - age).isoformat(), "folder": "/backups/one"}
        (blob_folder() / NOTE).write_text(json.dumps(note))
        (found,) = backups.examine()
        assert found.state is state
        assert "/backups/one" in found.seen


def test_a_key_others_may_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "ledger.key"
    path.write_text("not shown")
    monkeypatch.setenv("COUNTERSIGN_LEDGER_KEY_FILE", str(path))
    monkeypatch.delenv("COUNTERSIGN_LEDGER_KEY")
    for mode, state in ((0o644, State.WEAK), (0o640, State.WEAK), (0o600, State.OK)):
        path.chmod(mode)
        found = named(secrets.examine, "Secret COUNTERSIGN_LEDGER_KEY")
        assert found.state is state
        assert "not shown" not in str(found)
    path.unlink()
    assert named(secrets.examine, "Secret COUNTERSIGN_LEDGER_KEY").state is State.MISSING
    monkeypatch.setenv("COUNTERSIGN_LEDGER_KEY", "in-the-environment")
    found = named(secrets.examine, "Secret COUNTERSIGN_LEDGER_KEY")
    assert found.state is State.WEAK
    assert "in-the-environment" not in str(found)


def test_a_loose_key_folder_is_named(settings: Settings, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o755)
    (keys / "export.key").touch(0o644)
    settings.COUNTERSIGN_HOME = tmp_path
    seen = {finding.name for finding in secrets.examine()}
    assert {"Key file keys", "Key file export.key"} <= seen
    keys.chmod(0o700)
    (keys / "export.key").chmod(0o600)
    assert not {
        name for name in (finding.name for finding in secrets.examine()) if name.startswith("Key file")
    }


@pytest.mark.parametrize(
    ("key", "state"), [("short", State.WEAK), ("a" * 80, State.WEAK), ("tj4kfp8wq1" * 5 + "xyz", State.OK)]
)
def test_a_guessable_secret_key_is_weak(settings: Settings, key: str, state: State) -> None:
    settings.SECRET_KEY = key
    found = named(secrets.examine, "Secret key")
    assert found.state is state
    assert key not in found.seen


@pytest.mark.parametrize(
    ("name", "value", "finding", "state"),
    [
        ("DEBUG", True, "DEBUG", State.WEAK),
        ("ALLOWED_HOSTS", ["*"], "Allowed hosts", State.WEAK),
        ("ALLOWED_HOSTS", ["other.example"], "Allowed hosts", State.MISSING),
        ("PUBLIC_URL", "http://countersign.example", "TLS and cookies", State.WEAK),
        ("PUBLIC_URL", "https://countersign.example", "TLS and cookies", State.OK),
        ("PUBLIC_URL", "http://127.0.0.1:8000", "TLS and cookies", State.OK),
    ],
)
def test_exposure(settings: Settings, name: str, value: object, finding: str, state: State) -> None:
    setattr(settings, name, value)
    assert named(exposure.examine, finding).state is state


def test_a_disk_with_little_room_is_weak(monkeypatch: pytest.MonkeyPatch) -> None:
    disks = [finding for finding in host.examine() if finding.name == "Disk"]
    assert len(disks) == 2
    monkeypatch.setattr(host, "ROOM", 2**62)
    assert {finding.state for finding in host.examine() if finding.name == "Disk"} == {State.WEAK}
    monkeypatch.setattr(host, "RESERVE", 2**62)
    assert {finding.state for finding in host.examine() if finding.name == "Disk"} == {State.MISSING}


def test_a_zone_that_is_not_utc_is_weak(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Etc/GMT-3")
    time.tzset()
    try:
        assert named(host.examine, "Time zone").state is State.WEAK
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_exit_status_is_the_worst_state() -> None:
    fine = ok("A", "is")
    soft, hard = weak("B", "is", why="w", do="d"), missing("C", "is not", why="w", do="d")
    assert [exit_status(found) for found in ([], [fine], [fine, soft], [soft, hard, fine])] == [0, 0, 1, 2]
    told = list(lines([fine, soft, hard]))
    assert [line.split()[0] for line in told if not line.startswith(" ")] == ["missing", "weak", "ok", "1"]
    assert told[-1] == "1 missing, 1 weak, 1 ok"


def test_the_command_tells_programs_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == ended.value.code == 2
    (sandbox,) = [one for one in told["findings"] if one["name"] == "Sandbox"]
    assert "level" in sandbox["seen"]
    everything = json.dumps(told)
    for name in ("DATABASE_URL", "REDIS_URL", "COUNTERSIGN_SECRET_KEY", "COUNTERSIGN_LEDGER_KEY"):
        assert os.environ[name] not in everything


def test_sizes_count_what_grows(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    begin_ledger(settings)
    call_command("sizes")
    lines_said = capsys.readouterr().out.splitlines()
    (entries,) = [line for line in lines_said if line.startswith("ledger entries")]
    count, size, each = (int(word.replace(",", "")) for word in entries.split()[2:])
    assert count == 1
    assert size == each > 0
    assert lines_said[-1].startswith("the whole database")
