"""Writers and sealers of the concurrency test, as processes of their own.

`python -m tests.test_core.ledger_stress write SEED TEAM…` appends to teams in random order, with delays and
rollbacks; `… seal SEED FOLDER UNTIL` seals in children that kill themselves (SIGKILL) at random steps, and
prints how many were started, until UNTIL exists and nothing waits.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

ENTRIES = 60
KILL = 0.08
ROLL_BACK = 0.2


def write(seed: int, teams: list[str]) -> None:
    """Each committed entry tells the counter of its team, which only the row lock orders."""
    from django.db import transaction

    from countersign.accounts.models import Team
    from tests.test_core.ledger_kit import record

    chance = random.Random(seed)
    for _ in range(ENTRIES):
        with transaction.atomic():
            team = Team.objects.select_for_update().get(pk=chance.choice(teams))
            team.name = str(int(team.name) + 1)
            team.save()
            time.sleep(chance.random() * 0.004)
            record(team)
            time.sleep(chance.random() * 0.004)
            if chance.random() < ROLL_BACK:
                transaction.set_rollback(True)


def seal(seed: int, folder: Path, until: Path) -> None:
    """Start sealers until the writers are done and one of them found nothing more to do."""
    started = 0
    while True:
        started += 1
        child = os.fork()
        if child == 0:
            try:
                _seal_until_killed(random.Random(seed * 1000 + started), folder, until)
            finally:
                os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            break
    print(started)


def _seal_until_killed(chance: random.Random, folder: Path, until: Path) -> None:
    from django.conf import settings

    from countersign.ledger import anchors, sealer
    from countersign.ledger.keys import ledger_key
    from countersign.ledger.models import Pending

    def deadly(step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **kwargs: Any) -> Any:
            result = step(*args, **kwargs)
            if chance.random() < KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return stepped

    sealer.CHECKPOINT_INTERVAL = timedelta(0)
    for module, name in (
        (anchors, "check"),
        (sealer, "_seal_batches"),
        (sealer, "_keep_nodes"),
        (sealer, "_sign"),
        (sealer, "_seal_locked"),
        (sealer, "_publish"),
        (anchors, "_write"),
    ):
        setattr(module, name, deadly(getattr(module, name)))
    while not until.exists() or Pending.objects.exists():
        sealer.seal(key=ledger_key(), anchor_folder=folder, origin=settings.LEDGER_ORIGIN)
        time.sleep(0.005)


if __name__ == "__main__":
    import django

    django.setup()
    if sys.argv[1] == "write":
        write(int(sys.argv[2]), sys.argv[3:])
    else:
        seal(int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
