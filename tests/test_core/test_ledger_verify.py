"""Tampering with every right in the database, triggers off: `verify` names what was done, and where.

The log has 600 entries and a checkpoint every 100; the anchor kept outside was published at 400, the mirror
of leaf hashes at 600. The attacks are those of a table owner who rebuilds whatever the tree needs to look
whole again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, connections, transaction

from countersign.accounts.models import Team
from countersign.ledger.keys import ledger_key
from countersign.ledger.verification import Section, verify
from tests import databases
from tests.test_core.ledger_attack import SIZE, STEP, Attacker, Built, attack, found
from tests.test_core.ledger_kit import NOTICED, REMOVED, Sealing, begin, new_team, record, rename

WRONG_AT_400 = (
    "checkpoint 400: the entries do not lead to its root (and 2 after it); the first wrong one is in 300..399"
)


@pytest.fixture(scope="module")
def built(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    """Built once and cloned for each attack."""
    folder = tmp_path_factory.mktemp("ledger")
    name = str(connection.settings_dict["NAME"])
    fresh, template = f"{name}_fresh", f"{name}_log"
    patch = pytest.MonkeyPatch()
    patch.setattr(settings, "CLOCK_OFFSET_SECONDS", 0)

    def move_clock(seconds: float) -> None:
        settings.CLOCK_OFFSET_SECONDS += seconds

    with django_db_blocker.unblock():
        connections.close_all()
        databases.clone(name, fresh)
        sealing = Sealing(folder / "mirror", move_clock)
        begin()
        team = new_team("Scoring", personal={"actor.name": "Ada Byron"})
        gone = new_team("Gone")
        with transaction.atomic():
            record(gone, verb=REMOVED, before=gone.ledger_state())
            gone.delete()
        for size in range(STEP, SIZE + 1, STEP):
            with transaction.atomic():
                for number in range(4 if size == STEP else 0, STEP):
                    record(team, verb=NOTICED, details={"number": size + number})
            sealing()
            if size == 400:
                shutil.copy(folder / "mirror" / "checkpoint", folder / "anchor-400")
            if size == 500:
                rename(team, "Pricing")
                with transaction.atomic():
                    for _ in range(STEP - 1):
                        record(team, verb=NOTICED)
                sealing()
                break
        connections.close_all()
        databases.clone(name, template)
        databases.clone(fresh, name)
    yield Built(template, folder, team)
    patch.undo()
    databases.drop(template)
    databases.drop(fresh)


@pytest.fixture
def log(built: Built, transactional_db: None) -> Built:
    """The log, to be tampered with; the database is replaced after the test."""
    name = str(connection.settings_dict["NAME"])
    connections.close_all()
    databases.clone(built.template, name)
    return built


def test_an_untouched_log_holds(log: Built) -> None:
    report = verify(anchors=[log.mirror, log.anchor])
    assert found(report) == []
    assert (report.size, report.pending, report.checkpoints) == (SIZE, 0, SIZE // STEP)
    assert report.as_dict()["ok"] is True


def test_changed_bytes_are_named_by_index(log: Built) -> None:
    attack(lambda attacker: attacker.forge(300))
    assert found(verify(anchors=[])) == [
        (Section.ROWS, "index 300: the bytes do not match the sealed leaf"),
        (Section.ROOTS, "run 256..511: the stored node is not its root"),
        (Section.ROOTS, WRONG_AT_400),
        (Section.ROOTS, "the state row's frontier is not that of the entries"),
    ]
    with_anchors = found(verify(anchors=[log.mirror, log.anchor]))
    assert with_anchors[0][0] is Section.ANCHORS, "the worst comes first"
    assert (Section.ANCHORS, f"{log.mirror}: index 300 is another entry than was published") in with_anchors
    rewritten = f"{log.anchor}: history before 400 was rewritten since it was signed"
    assert (Section.ANCHORS, rewritten) in with_anchors


def test_a_rebuilt_tree_without_the_key_fails_at_the_next_checkpoint(log: Built) -> None:
    def deed(attacker: Attacker) -> None:
        attacker.forge(300)
        attacker.rebuild()

    attack(deed)
    assert found(verify(anchors=[])) == [
        (Section.ROOTS, WRONG_AT_400),
    ]
    mirrored = (Section.ANCHORS, f"{log.mirror}: index 300 is another entry than was published")
    assert mirrored in found(verify(anchors=[log.mirror]))


@pytest.mark.parametrize(
    "change",
    [
        "verb = 'tests.team.saved'",
        "uuid = gen_random_uuid()",
        "actor = gen_random_uuid()",
        "act = gen_random_uuid()",
        "subject_type = 'accounts.user'",
        "subject_ref = gen_random_uuid()",
        "recorded_at = recorded_at + interval '1 microsecond'",
    ],
)
def test_a_changed_search_column_is_named_though_no_hash_breaks(log: Built, change: str) -> None:
    attack(lambda attacker: attacker.run(f"UPDATE ledger_seal SET {change} WHERE index = 300"))
    report = verify(anchors=[log.mirror])
    assert (Section.ROWS, "index 300: the search columns differ from the leaf") in found(report)
    assert not {Section.ANCHORS, Section.ROOTS} & {section for section, _ in found(report)}


def test_other_spellings_of_the_same_entry_are_named(log: Built) -> None:
    attack(
        lambda attacker: attacker.run(
            "UPDATE ledger_entry SET canonical = canonical || ' ' FROM ledger_seal"
            " WHERE entry_id = id AND index = 300"
        )
    )
    assert (Section.ROWS, "index 300: the bytes are not in canonical form") in found(verify(anchors=[]))


def test_deleted_entries_are_named(log: Built) -> None:
    attack(lambda attacker: attacker.run("DELETE FROM ledger_seal WHERE index BETWEEN 300 AND 301"))
    report = found(verify(anchors=[log.mirror]))
    assert (Section.ROWS, "indexes 300 to 301 are missing") in report
    assert len([sentence for _, sentence in report if sentence.endswith("neither sealed nor pending")]) == 2
    rewritten = f"{log.mirror}: history before 600 was rewritten since it was signed"
    assert report[0] == (Section.ANCHORS, rewritten)


def test_deleted_bytes_are_named(log: Built) -> None:
    attack(
        lambda attacker: attacker.run(
            "DELETE FROM ledger_entry USING ledger_seal WHERE entry_id = id AND index = 300"
        )
    )
    assert found(verify(anchors=[])) == [(Section.ROWS, "index 300: the entry's bytes are missing")]


def test_an_inserted_entry_is_placed_between_two_checkpoints(log: Built) -> None:
    def deed(attacker: Attacker) -> None:
        attacker.insert(300, attacker.leaf(300) | {"id": str(uuid4())})
        attacker.rebuild()

    attack(deed)
    report = found(verify(anchors=[log.mirror]))
    assert (Section.ROOTS, WRONG_AT_400) in report
    assert (Section.ANCHORS, f"{log.mirror}: index 300 is another entry than was published") in report


def test_two_entries_that_changed_places_are_noticed(log: Built) -> None:
    def deed(attacker: Attacker) -> None:
        attacker.run("UPDATE ledger_seal SET index = -1 WHERE index = 300")
        attacker.run("UPDATE ledger_seal SET index = 300 WHERE index = 301")
        attacker.run("UPDATE ledger_seal SET index = 301 WHERE index = -1")

    attack(deed)
    sections = [section for section, _ in found(verify(anchors=[]))]
    assert sections == [Section.ROOTS] * 3, "run, checkpoint and state"


def test_renumbering_after_a_deletion_is_noticed(log: Built) -> None:
    def deed(attacker: Attacker) -> None:
        attacker.run("DELETE FROM ledger_seal WHERE index = 300")
        attacker.run("UPDATE ledger_seal SET index = -index WHERE index > 300")
        attacker.run("UPDATE ledger_seal SET index = -index - 1 WHERE index < 0")

    attack(deed)
    report = found(verify(anchors=[]))
    assert (Section.ROOTS, "run 256..511: the stored node is not its root") in report
    assert (Section.ROOTS, "checkpoint 600: the log is shorter (599)") in report
    assert any(sentence.startswith("checkpoint 400: the entries do not lead") for _, sentence in report)


def cut_off_tail(attacker: Attacker) -> None:
    attacker.run(
        "WITH seal AS (DELETE FROM ledger_seal WHERE index >= 300 RETURNING entry_id)"
        " DELETE FROM ledger_entry USING seal WHERE id = entry_id"
    )
    attacker.run("DELETE FROM ledger_checkpoint WHERE size > 300")
    attacker.rebuild()


def test_a_tail_cut_off_leaves_no_trace_but_in_the_anchors_and_the_tables(log: Built) -> None:
    attack(cut_off_tail)
    assert found(verify(anchors=[])) == [
        (
            Section.TABLES,
            f'accounts.team {log.team.pk}: name holds "Pricing", the ledger says "Scoring"',
        ),
    ]
    assert (Section.ANCHORS, f"{log.anchor}: 400: the log is shorter (300)") in found(
        verify(anchors=[log.anchor])
    )


def test_a_restored_backup_is_found_by_an_anchor_alone(log: Built) -> None:
    def deed(attacker: Attacker) -> None:
        cut_off_tail(attacker)
        attacker.run("UPDATE accounts_team SET name = 'Scoring'")

    attack(deed)
    assert found(verify(anchors=[])) == []
    report = verify(anchors=[log.anchor, log.mirror])
    assert found(report) == [
        (Section.ANCHORS, f"{log.anchor}: 400: the log is shorter (300)"),
        (Section.ANCHORS, f"{log.mirror}: 600: the log is shorter (300)"),
    ]


def test_checkpoints_by_another_key_are_refused(log: Built) -> None:
    def deed(attacker: Attacker) -> None:
        attacker.forge(300)
        attacker.rebuild(Ed25519PrivateKey.generate(), settings.LEDGER_ORIGIN)

    attack(deed)
    report = found(verify(anchors=[]))
    assert (Section.SIGNATURES, "checkpoint 100: no signature of a known key") in report
    assert report[-1] == (Section.ROOTS, "0..599: no valid checkpoint covers them")


def test_a_stolen_key_is_found_by_an_anchor_alone(log: Built) -> None:
    def deed(attacker: Attacker) -> None:
        attacker.forge(300)
        attacker.rebuild(ledger_key(), settings.LEDGER_ORIGIN)

    attack(deed)
    assert found(verify(anchors=[])) == []
    rewritten = f"{log.anchor}: history before 400 was rewritten since it was signed"
    assert found(verify(anchors=[log.anchor])) == [(Section.ANCHORS, rewritten)]
    mirrored = (Section.ANCHORS, f"{log.mirror}: index 300 is another entry than was published")
    assert mirrored in found(verify(anchors=[log.mirror]))


def test_removed_newest_checkpoints_are_noticed(log: Built) -> None:
    attack(lambda attacker: attacker.run("DELETE FROM ledger_checkpoint WHERE size > 400"))
    assert found(verify(anchors=[])) == [(Section.ROOTS, "400..599: no valid checkpoint covers them")]


def test_an_entry_hidden_from_the_queue_is_named(log: Built) -> None:
    new_team("Hidden")
    attack(lambda attacker: attacker.run("DELETE FROM ledger_pending"))
    hidden = [(section, text) for section, text in found(verify(anchors=[])) if "neither" in text]
    assert len(hidden) == 1
    assert hidden[0][0] is Section.ROWS


def test_an_unsealed_entry_that_is_not_readable_is_named(log: Built) -> None:
    new_team("Waiting")
    assert found(verify(anchors=[])) == []
    attack(
        lambda attacker: attacker.run(
            "UPDATE ledger_entry SET canonical = '{ ' WHERE id = (TABLE ledger_pending)"
        )
    )
    assert [text.split(": ")[1] for _, text in found(verify(anchors=[]))] == [
        "the bytes are not in canonical form"
    ]


def test_nodes_and_state_are_compared(log: Built) -> None:
    def deed(attacker: Attacker) -> None:
        attacker.run("UPDATE ledger_node SET hash = sha256('x') WHERE n = 0")
        attacker.run("DELETE FROM ledger_node WHERE n = 1")
        attacker.run("INSERT INTO ledger_node (level, n, hash) VALUES (1, 7, sha256('x'))")
        attacker.run("UPDATE ledger_tree SET size = 601")

    attack(deed)
    assert found(verify(anchors=[])) == [
        (Section.ROOTS, "run 0..255: the stored node is not its root"),
        (Section.ROOTS, "run 256..511: the stored node is not its root"),
        (Section.ROOTS, "the state row counts 601 leaves, 600 are sealed"),
        (Section.ROOTS, "node 7 of level 1 stands for more entries than there are"),
    ]


def test_rows_changed_behind_the_application_are_named(log: Built) -> None:
    added = uuid4()

    def deed(attacker: Attacker) -> None:
        attacker.run("UPDATE accounts_team SET name = %s WHERE id = %s", "x" * 200, log.team.pk)
        attacker.run("INSERT INTO accounts_team VALUES (%s, 'Added', 'added', now())", added)

    with databases.owner(str(connection.settings_dict["NAME"])) as owner:
        owner.execute("ALTER TABLE accounts_team ALTER name TYPE text")
    attack(deed)
    assert found(verify(anchors=[])) == [
        (
            Section.TABLES,
            f'accounts.team {log.team.pk}: name holds "{"x" * 78}…, the ledger says "Pricing"',
        ),
        (Section.TABLES, f"accounts.team {added}: the row is there, the ledger does not tell of it"),
    ]


def test_rows_removed_behind_the_application_are_named(log: Built) -> None:
    Team.objects.all().delete()
    assert found(verify(anchors=[])) == [
        (Section.TABLES, f"accounts.team {log.team.pk}: the row is missing, the ledger tells of it")
    ]


def test_personal_values_are_held_to_their_commitment_and_may_be_erased(log: Built) -> None:
    attack(lambda attacker: attacker.run("UPDATE ledger_personal SET value = 'Grace Hopper'"))
    ((section, sentence),) = found(verify(anchors=[]))
    assert section is Section.TABLES
    assert sentence.endswith("the personal value “actor.name” is not the one committed to")
    assert "Grace" not in sentence
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ledger_personal")
    assert found(verify(anchors=[log.mirror])) == [], "erasing a person breaks nothing"


def test_missing_triggers_are_named(log: Built) -> None:
    with databases.owner(str(connection.settings_dict["NAME"])) as owner:
        owner.execute("ALTER TABLE ledger_entry ENABLE TRIGGER refuse")
        owner.execute("DROP TRIGGER refuse ON ledger_seal")
    assert [sentence.split(":")[0] for _, sentence in found(verify(anchors=[]))] == [
        "ledger_entry",
        "ledger_seal",
    ]


def test_anchors_that_are_none_are_named(log: Built, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("nothing\n")
    shutil.copytree(log.mirror, tmp_path / "mirror")
    (tmp_path / "mirror" / "tile/0/001").unlink()
    report = found(verify(anchors=[tmp_path / "absent", tmp_path / "note", tmp_path / "mirror"]))
    assert [section for section, _ in report] == [Section.ANCHORS] * 3
    assert "cannot be read" in report[0][1]
    assert "no checkpoint by this ledger's key" in report[1][1]
    assert "leaf tile 1 is missing" in report[2][1]


def test_many_findings_are_counted_not_listed(log: Built) -> None:
    attack(lambda attacker: attacker.run("UPDATE ledger_seal SET act = gen_random_uuid()"))
    report = verify(anchors=[])
    assert len(report.findings) == 101
    assert report.findings[-1].sentence == "and 500 more"
    assert list(report.lines())[-1] == "600 findings"


def test_a_progress_function_may_write_while_the_snapshot_reads(log: Built) -> None:
    def note_progress(share: float, message: str) -> None:
        new_team(message)

    assert found(verify(anchors=[log.mirror], on_progress=note_progress)) == []
    assert Team.objects.count() > 1
    assert found(verify(anchors=[log.mirror])) == []
