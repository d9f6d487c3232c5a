"""Many writers, two sealers that are killed again and again: no gap, no duplicate, no order broken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import orjson
import pytest
from django.db import connection, connections

from countersign.accounts.models import Team
from countersign.ledger.models import Entry, Pending, Seal
from countersign.ledger.verification import verify
from tests.test_core.ledger_kit import begin, new_team

ROOT = Path(__file__).resolve().parent.parent.parent
WRITERS, SEALERS, TEAMS = 4, 2, 6
SECONDS = 120


def start(*arguments: str) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "platform"), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", "tests.test_core.ledger_stress", *arguments],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.django_db(transaction=True)
def test_killed_sealers_and_racing_writers_leave_a_whole_log(tmp_path: Path) -> None:
    begin()
    teams = [new_team("0") for _ in range(TEAMS)]
    anchor, done = tmp_path / "anchor", tmp_path / "done"
    connections.close_all()
    # Each sealer has a folder of its own, as on two hosts: the row lock alone keeps them apart.
    sealers = [start("seal", str(number), f"{anchor}-{number}", str(done)) for number in range(SEALERS)]
    writers = [start("write", str(number), *(str(team.pk) for team in teams)) for number in range(WRITERS)]
    for writer in writers:
        _, errors = writer.communicate(timeout=SECONDS)
        assert writer.returncode == 0, errors
    done.touch()
    starts = 0
    for sealer in sealers:
        printed, errors = sealer.communicate(timeout=SECONDS)
        assert sealer.returncode == 0, errors
        starts += int(printed)
    assert starts > SEALERS, "sealers were killed and started again"

    assert not Pending.objects.exists()
    entries = Entry.objects.count()
    assert list(Seal.objects.order_by("index").values_list("index", flat=True)) == list(range(entries))
    told: dict[str, list[int]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute("SELECT canonical FROM ledger_seal JOIN ledger_entry ON id = entry_id ORDER BY index")
        for (encoded,) in cursor.fetchall():
            leaf = orjson.loads(bytes(encoded))
            if leaf["subject"]["type"] == "accounts.team":
                told[leaf["subject"]["ref"]].append(int(leaf["data"]["after"]["name"]))
    for team in Team.objects.all():
        assert told[str(team.pk)] == list(range(int(team.name) + 1)), (
            "each counter in the order it was written"
        )
    report = verify(anchors=[Path(f"{anchor}-{number}") for number in range(SEALERS)])
    assert list(report.lines())[-1] == "everything holds"
    assert report.checkpoints > 1
