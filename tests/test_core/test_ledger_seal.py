"""Sealing: places without gaps, one checkpoint at most a second, the anchor outside the database."""

from __future__ import annotations

import fcntl
import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from countersign import clock
from countersign.ledger import anchors, queries, sealer, tasks
from countersign.ledger.anchors import AnchorAhead
from countersign.ledger.keys import KeyMissing
from countersign.ledger.models import Checkpoint, Entry, Node, Pending, Seal, Tree, Unsealed
from countersign.ledger.note import VerifierKey, open_checkpoint
from countersign.ledger.proofs import verify_consistency, verify_inclusion
from countersign.ledger.sealer import LedgerMissing, Outcome, WrongKey, seal
from countersign.ledger.store import root_at
from countersign.ledger.tree import leaf_hash
from countersign.ledger.verification import verify
from tests import databases
from tests.test_core.ledger_kit import SYSTEM, Sealing, begin, new_team, record, rename

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sealing(tmp_path: Path, settings: Any) -> Sealing:
    """Seals into a folder of the test; the clock moves on before each."""
    settings.LEDGER_ANCHOR_FOLDER = tmp_path / "anchor"

    def move_clock(seconds: float) -> None:
        settings.CLOCK_OFFSET_SECONDS += seconds

    return Sealing(tmp_path / "anchor", move_clock)


def test_entries_get_places_without_gaps_and_a_signed_head(sealing: Sealing) -> None:
    tree = begin()
    team = new_team()
    rename(team, "Pricing")
    report = sealing()
    assert (report.outcome, report.sealed, report.size) == (Outcome.SEALED, 3, 3)
    seals = list(Seal.objects.order_by("index"))
    assert [row.index for row in seals] == [0, 1, 2]
    assert [row.entry_id for row in seals] == sorted(row.entry_id for row in seals)
    for row in seals:
        encoded = bytes(Entry.objects.get(pk=row.entry_id).canonical)
        leaf = json.loads(encoded)
        assert bytes(row.leaf) == leaf_hash(encoded)
        assert (str(row.uuid), row.verb, row.subject_type) == (
            leaf["id"],
            leaf["verb"],
            leaf["subject"]["type"],
        )
        assert clock.stamp(row.recorded_at) == leaf["recorded_at"]
    head = open_checkpoint(Checkpoint.objects.get().note, [VerifierKey.parse(tree.vkey)])
    assert (head.origin, head.size, head.root) == (tree.origin, 3, root_at(3))
    assert not Pending.objects.exists()


def test_no_checkpoint_when_nothing_is_new_and_at_most_one_a_second(sealing: Sealing, settings: Any) -> None:
    begin()
    assert sealing().outcome is Outcome.SEALED
    assert sealing().outcome is Outcome.NOTHING
    new_team()
    settings.CLOCK_OFFSET_SECONDS -= 1  # as soon after the last checkpoint as tests run
    report = seal(key=sealing.key, anchor_folder=sealing.folder, origin=settings.LEDGER_ORIGIN)
    assert report.outcome is Outcome.TOO_SOON
    assert Pending.objects.count() == 1
    assert sealing().outcome is Outcome.SEALED
    assert Checkpoint.objects.count() == 2


def test_a_second_sealer_leaves_at_once(sealing: Sealing, settings: Any) -> None:
    begin()
    sealing.folder.mkdir()
    with (sealing.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert sealing().outcome is Outcome.BUSY, "on the same host: the lock of the folder"
    with databases.owner(connection.settings_dict["NAME"]) as other, other.transaction():
        other.execute("SELECT FROM ledger_tree FOR UPDATE")
        assert sealing().outcome is Outcome.BUSY, "on another host: the lock of the row"
    assert sealing().outcome is Outcome.SEALED


def test_without_a_ledger_or_with_another_key_nothing_is_sealed(sealing: Sealing, settings: Any) -> None:
    new_team()
    with pytest.raises(LedgerMissing, match="bootstrap"):
        sealing()
    with databases.owner(connection.settings_dict["NAME"]) as owner:
        vkey = str(VerifierKey.of(settings.LEDGER_ORIGIN, sealing.key))
        owner.execute(
            "INSERT INTO ledger_tree (id, one, origin, vkey, size, frontier)"
            " VALUES (gen_random_uuid(), true, %s, %s, 0, '')",
            [settings.LEDGER_ORIGIN, vkey],
        )
    with pytest.raises(LedgerMissing, match="first entry"):
        sealing()
    assert Pending.objects.count() == 1
    sealing.key = Ed25519PrivateKey.generate()
    with pytest.raises(WrongKey):
        sealing()


def test_a_process_without_the_key_says_where_to_seal(sealing: Sealing, settings: Any) -> None:
    begin()
    settings.LEDGER_KEY = None
    for work in (tasks.seal_pending, queries.seal_all):
        with pytest.raises(KeyMissing, match="queue “core”"):
            work()
    settings.LEDGER_KEY = "c2hvcnQ="
    with pytest.raises(KeyMissing, match="32 bytes"):
        tasks.seal_pending()


def test_the_anchor_is_a_tiled_log_that_leads_to_its_checkpoint(sealing: Sealing) -> None:
    tree = begin()
    with transaction.atomic():
        team = new_team()
        for _ in range(300):
            record(team)
    sealing()
    new_team()
    sealing()
    head = anchors.read_head(sealing.folder, VerifierKey.parse(tree.vkey))
    assert head is not None
    assert (head.size, head.root) == (303, root_at(303))
    leaves = [bytes(leaf) for leaf in Seal.objects.order_by("index").values_list("leaf", flat=True)]
    tiles = {str(path.relative_to(sealing.folder)) for path in sealing.folder.rglob("*") if path.is_file()}
    assert tiles == {
        ".lock",
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/46",
        "tile/0/001.p/47",
        "tile/1/000.p/1",
    }
    assert [leaf for tile in anchors.leaf_tiles(sealing.folder, 303) for leaf in tile or []] == leaves
    assert (sealing.folder / "tile/1/000.p/1").read_bytes() == root_at(256)
    with transaction.atomic():
        for _ in range(209):
            record(team)
    sealing()
    assert (sealing.folder / "tile/0/001").stat().st_size == 8192
    assert not (sealing.folder / "tile/0/001.p").exists(), "the full tile replaces its parts"


@pytest.mark.parametrize(
    ("number", "width", "path"),
    [(0, 256, "tile/0/000"), (1_234_067, 256, "tile/0/x001/x234/067"), (255, 3, "tile/0/255.p/3")],
)
def test_tile_paths_are_those_of_the_specification(number: int, width: int, path: str) -> None:
    assert anchors.tile_path(0, number, width) == path


def test_what_a_killed_sealer_did_not_publish_the_next_one_does(
    sealing: Sealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = begin()

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sealer, "_publish", killed)
    with pytest.raises(KeyboardInterrupt):
        sealing()
    monkeypatch.undo()
    assert not (sealing.folder / "checkpoint").exists()
    assert sealing().outcome is Outcome.NOTHING
    head = anchors.read_head(sealing.folder, VerifierKey.parse(tree.vkey))
    assert head is not None
    assert head.size == 1


@pytest.fixture
def copy_of_database() -> Iterator[Callable[[], Callable[[], None]]]:
    """Take a backup of the test's database; the result restores it."""
    name = str(connection.settings_dict["NAME"])
    backup = f"{name}_backup"

    def take() -> Callable[[], None]:
        connections.close_all()
        databases.clone(name, backup)

        def restore() -> None:
            connections.close_all()
            databases.clone(backup, name)

        return restore

    yield take
    databases.drop(backup)


def test_after_a_restored_backup_nothing_is_signed(
    sealing: Sealing, copy_of_database: Callable[[], Callable[[], None]]
) -> None:
    assert queries.anchor_trouble() is None
    begin()
    new_team()
    sealing()
    assert queries.anchor_trouble() is None
    restore = copy_of_database()
    new_team("Lost with the backup")
    sealing()
    anchored = (sealing.folder / "checkpoint").read_bytes()
    restore()
    new_team("Written after the restore")
    with pytest.raises(AnchorAhead, match=r"anchor holds 3 entries, this database 2.*restored"):
        sealing()
    new_team("So that it is as long again")
    sealed_elsewhere = sealing.folder.rename(sealing.folder.with_name("kept"))
    sealing()
    (sealing.folder / "checkpoint").write_bytes(anchored)
    with pytest.raises(AnchorAhead, match=r"first 3 entries .* not those"):
        sealing()
    assert "first 3 entries" in (queries.anchor_trouble() or "")
    assert (sealed_elsewhere / "checkpoint").read_bytes() == anchored
    assert Checkpoint.objects.count() == 2


def test_an_anchor_that_cannot_be_read_stops_sealing(sealing: Sealing) -> None:
    begin()
    sealing()
    new_team()
    checkpoint = sealing.folder / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"\n1\n", b"\n0\n"))
    with pytest.raises(AnchorAhead, match="no checkpoint by this ledger's key"):
        sealing()
    assert Pending.objects.count() == 1


def test_every_entry_has_a_proof_and_every_head_continues_the_one_before(sealing: Sealing) -> None:
    begin()
    roots = {}
    for _ in range(4):
        new_team()
        new_team()
        sealing()
        roots[Tree.objects.get().size] = root_at(Tree.objects.get().size)
    for row in Seal.objects.all():
        proven = queries.proven_entry(actor=SYSTEM, entry=row.uuid)
        assert verify_inclusion(leaf_hash(proven.canonical), row.index, 9, proven.path, roots[9])
        text = proven.tlog_proof()
        assert text is not None
        lines = text.split("\n\n", 1)[0].split("\n")
        assert lines[:2] == ["c2sp.org/tlog-proof@v1", f"index {row.index}"]
        assert [b64decode(line) for line in lines[2:]] == list(proven.path)
    for old, root in roots.items():
        proof, checkpoint = queries.consistency_proof(old=old)
        assert verify_consistency(old, checkpoint.size, proof, root, roots[9])


def test_commands_seal_and_verify(
    sealing: Sealing, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    begin()
    team = new_team()
    call_command("seal")
    assert capsys.readouterr().out == Checkpoint.objects.get().note
    call_command("verify")
    assert "everything holds" in capsys.readouterr().out
    team.name = "Changed behind the application"
    team.save()
    with pytest.raises(CommandError, match="does not hold"):
        call_command("verify")
    assert f"tables: accounts.team {team.id}: name holds" in capsys.readouterr().out
    settings.LEDGER_KEY = None
    with pytest.raises(CommandError, match="queue “core”"):
        call_command("seal")


def test_a_large_log_is_sealed_in_batches_and_verified_level_by_level(sealing: Sealing) -> None:
    """66,000 entries: more than one run takes, and a node that stands for 65,536 of them."""
    begin()
    team = new_team()
    rename(team, "Pricing")
    with connection.cursor() as cursor:  # the same entry again and again, with an id of its own
        cursor.execute(
            """
            WITH copy AS (
                SELECT regexp_replace(convert_from(canonical, 'UTF8'), '"id":"[^"]*"',
                    format('"id":"%s"', gen_random_uuid())) AS leaf
                FROM generate_series(1, 66000),
                    (SELECT * FROM ledger_entry ORDER BY id DESC LIMIT 1) AS newest),
            entry AS (
                INSERT INTO ledger_entry (canonical) SELECT convert_to(leaf, 'UTF8') FROM copy RETURNING id)
            INSERT INTO ledger_pending SELECT id FROM entry"""
        )
    first = sealing()
    assert first.sealed == sealer.BATCH * sealer.BATCHES_A_CHECKPOINT
    assert sealing().size == 66_003
    assert sorted(Node.objects.values_list("level", flat=True)) == [1] * 257 + [2]
    proven = queries.proven_entry(actor=SYSTEM, entry=Seal.objects.get(index=65_999).uuid)
    assert verify_inclusion(leaf_hash(proven.canonical), 65_999, 66_003, proven.path, root_at(66_003))
    plan = Unsealed.objects.filter(verb="tests.team.saved", subject_type="accounts.team").explain()
    assert "Seq Scan on ledger_entry" not in plan, "what waits is looked up, not searched for in all entries"
    shares: list[float] = []
    report = verify(anchors=[sealing.folder], on_progress=lambda share, message: shares.append(share))
    assert list(report.lines())[-1] == "everything holds"
    assert (report.size, report.checkpoints) == (66_003, 2)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
