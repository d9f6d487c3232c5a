"""What is missing or weak on this host: each finding says what was seen, why it matters and what to do.

A module examines one thing and yields its findings. Nothing here writes, and nothing a finding says holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from countersign.upkeep.doctor import backups, broker, database, exposure, host, ledger, secrets
from countersign.upkeep.doctor.findings import Finding

Examination = Callable[[], Iterable[Finding]]

EXAMINATIONS: tuple[Examination, ...] = (
    database.examine,
    broker.examine,
    ledger.examine,
    backups.examine,
    secrets.examine,
    exposure.examine,
    host.examine,
)


def examine(*more: Examination) -> Iterator[Finding]:
    """Every finding on this host, those of `more` examinations of upper layers last."""
    for examination in (*EXAMINATIONS, *more):
        yield from examination()
