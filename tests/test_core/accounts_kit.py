"""What the tests of accounts and API share: the ledger as JSON, and calls made at the same moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections

from countersign.errors import Refused
from countersign.ledger.models import Entry


def leaves(after: int = 0) -> list[dict[str, Any]]:
    """Every entry but the first `after`, oldest first."""
    return [json.loads(bytes(entry.canonical)) for entry in Entry.objects.order_by("pk")[after:]]


def newest() -> dict[str, Any]:
    """The entry appended last."""
    return leaves()[-1]


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    """The codes of every reason."""
    return [reason.code for reason in refused.value.verdict.reasons]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls return or raise, made at the same moment, each on a connection of its own."""
    results: list[Any] = [None] * len(calls)
    barrier = Barrier(len(calls))

    def run(number: int) -> None:
        try:
            barrier.wait(timeout=10)
            results[number] = calls[number]()
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results
