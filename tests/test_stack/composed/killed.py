"""A program for test_faults_promotion: promote, and be killed at the n-th statement that writes, for each n.

Each try is a forked child that gets SIGKILL before it sends that one; the last two die before and after the commit.
The parent looks at the database after each: nothing may be there, until everything is. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import django

django.setup()

from django.db import connection, transaction  # noqa: E402

from countersign.accounts.models import User  # noqa: E402
from countersign.actors import ActorKind, resolve  # noqa: E402
from countersign.ledger.models import Entry  # noqa: E402
from countersign.permissions import Permission  # noqa: E402
from governance.environments.queries import environment_of  # noqa: E402
from governance.promotion.actions import promote  # noqa: E402
from governance.promotion.models import LivePeriod, Promotion  # noqa: E402
from registry.versions.access import get_version  # noqa: E402
from registry.versions.models import AliasPeriod  # noqa: E402

BEFORE_COMMIT, AFTER_COMMIT = -1, -2


def die() -> None:
    """End as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def attempt(model: str, number: int, username: str, step: int) -> int:
    """Promote, and die at this step. With step 0 nothing dies and nothing is kept: how many statements write."""
    user = User.objects.get(username=username)
    actor = resolve(ActorKind.PERSON, user.id, label=user.full_name, via="page", act=uuid4(), request=None)
    version = get_version(actor, model, number, Permission.PROMOTE)
    environment = environment_of("production")
    sent = 0

    def count(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        nonlocal sent
        sent += not sql.lstrip().upper().startswith("SELECT")
        if sent and sent == step:
            die()
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(count), transaction.atomic():
        if step == AFTER_COMMIT:
            transaction.on_commit(die)  # the first of what is done on commit: nothing is sent to the broker
        promote(version=version, environment=environment, reason="Under fire.", actor=actor)
        if step == BEFORE_COMMIT:
            die()
        transaction.set_rollback(step == 0)
    return sent


def standing() -> dict[str, int]:
    """How much of a promotion the database shows."""
    found = {
        "promotions": Promotion.objects.count(),
        "live": LivePeriod.objects.count(),
        "aliases": AliasPeriod.objects.count(),
        "entries": Entry.objects.count(),
    }
    connection.close()
    return found


def in_child(work: Callable[[], int]) -> tuple[bool, int]:
    """Run `work` in a forked process: whether it was killed, and what it gave."""
    connection.close()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(work()).encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    return os.WIFSIGNALED(status), int(said or -1)


def main(model: str, number: str, username: str) -> None:
    """Count, kill at every step, and look after each."""
    before = standing()
    _, statements = in_child(lambda: attempt(model, int(number), username, 0))
    wrong = []
    for step in (*range(1, statements + 1), BEFORE_COMMIT):
        killed, _ = in_child(lambda step=step: attempt(model, int(number), username, step))  # type: ignore[misc]
        if not killed or (now := standing()) != before:
            wrong.append({"step": step, "killed": killed, "now": now if killed else None})
    killed, _ = in_child(lambda: attempt(model, int(number), username, AFTER_COMMIT))
    told = {
        "statements": statements,
        "before": before,
        "after": standing(),
        "killed_last": killed,
        "wrong": wrong,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
