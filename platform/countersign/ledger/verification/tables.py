"""The ledger against the tables it speaks of: the queue, the personal values, the triggers, and a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import orjson

from countersign import canonical
from countersign.ledger import verbs
from countersign.ledger.append import DETAILS, commitment
from countersign.ledger.checks import recorded_models
from countersign.ledger.models import Recorded
from countersign.ledger.verbs import Effect
from countersign.ledger.verification.report import Report, Section
from countersign.ledger.verification.rows import Seen, check_form
from countersign.ledger.verification.snapshot import Progress, stream

ROWS_AT_ONCE = 500
VALUE_SHOWN = 80

_LAST_OF_EACH = """
SELECT last.subject_ref, last.verb, e.canonical FROM (
    SELECT DISTINCT ON (subject_ref) subject_ref, verb, entry_id FROM (
        SELECT subject_ref, verb, entry_id, false AS waits, index AS place FROM ledger_seal
        WHERE subject_type = %s AND verb = ANY (%s)
        UNION ALL
        SELECT subject_ref, verb, entry_id, true, entry_id FROM ledger_unsealed
        WHERE subject_type = %s AND verb = ANY (%s)) AS told
    ORDER BY subject_ref, waits DESC, place DESC) AS last
LEFT JOIN ledger_entry e ON e.id = last.entry_id ORDER BY last.subject_ref"""

_PERSONAL = """
SELECT p.entry, p.field, p.value, p.salt, e.canonical FROM ledger_personal p
LEFT JOIN (SELECT uuid, entry_id FROM ledger_seal
    UNION ALL SELECT uuid, entry_id FROM ledger_unsealed) AS told
    ON told.uuid = p.entry
LEFT JOIN ledger_entry e ON e.id = told.entry_id"""

_HIDDEN = """
SELECT e.id FROM ledger_entry e WHERE NOT EXISTS (SELECT FROM ledger_seal s WHERE s.entry_id = e.id)
    AND NOT EXISTS (SELECT FROM ledger_pending p WHERE p.entry_id = e.id) ORDER BY e.id"""

_WAITING = """
SELECT p.entry_id, e.canonical FROM ledger_pending p LEFT JOIN ledger_entry e ON e.id = p.entry_id
ORDER BY p.entry_id"""

_UNGUARDED = """
SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY (%s)
    AND NOT EXISTS (SELECT FROM pg_trigger
        WHERE tgrelid = pg_class.oid AND tgname = 'refuse' AND tgenabled = 'A')
ORDER BY relname"""

APPEND_ONLY = ["ledger_checkpoint", "ledger_entry", "ledger_node", "ledger_seal"]


def check_queue(seen: Seen, report: Report) -> bool:
    """Every entry is sealed or waits, and every one that waits can be read. False when one cannot: the view
    of what waits cannot be read then, and with it neither the personal values nor the replay."""
    for (entry_id,) in stream(_HIDDEN):
        report.add(Section.ROWS, f"entry {entry_id}: neither sealed nor pending")
    readable = True
    for entry_id, encoded in stream(_WAITING):
        report.pending += 1
        if encoded is None:
            report.add(Section.ROWS, f"entry {entry_id}: is pending, but its bytes are missing")
        elif (leaf := check_form(bytes(encoded), f"entry {entry_id} (pending)", report)) is None:
            readable = False
        else:
            seen.note(leaf)
    return readable


def check_personal(report: Report) -> None:
    """Personal values that are still held are those the leaves commit to."""
    for entry, name, value, salt, encoded in stream(_PERSONAL):
        committed = {} if encoded is None else orjson.loads(bytes(encoded))["personal"]
        if committed.get(name) != commitment(value, bytes(salt)):
            report.add(
                Section.TABLES, f"entry {entry}: the personal value “{name}” is not the one committed to"
            )


def check_guards(report: Report) -> None:
    """The triggers that refuse changes are there and switched on."""
    for (table,) in stream(_UNGUARDED, [APPEND_ONLY]):
        report.add(Section.TABLES, f"{table}: the trigger that refuses changes is missing or switched off")


def check_known(seen: Seen, report: Report) -> None:
    """This release knows every verb and kind of subject the log speaks of; else the replay would pass over
    it."""
    types = {model.ledger_type for model in recorded_models()}
    for name in sorted(seen.subject_types - types):
        report.add(Section.TABLES, f"entries are about “{name}”, which this release does not know")
    for name, version in sorted(seen.verbs):
        verb = verbs.known(name)
        if verb is None or version > verb.version:
            report.add(Section.TABLES, f"the verb {name} version {version} is not known to this release")


def check_replay(report: Report, progress: Progress) -> None:
    """Every row of every kind is as its newest entry says, no row is without an entry, none is missing."""
    models = [model for model in recorded_models() if model.ledger_replayed]
    for number, model in enumerate(models):

        def told(number: int = number, name: str = model.ledger_type) -> None:
            progress(number / len(models), f"rows of {name}")

        told()
        _replay(model, report, told)


def _replay(model: type[Recorded], report: Report, told_of: Callable[[], None]) -> None:
    """Both streams ascend by id, so one pass meets each row together with its newest entry. `told_of` is called
    now and then, so that the caller may stop."""
    rows = iter(model.ledger_rows().order_by("pk").iterator(chunk_size=ROWS_AT_ONCE))
    told = _told(model.ledger_type)
    row, entry = next(rows, None), next(told, None)
    while row is not None or entry is not None:
        if report.subjects % ROWS_AT_ONCE == 0:
            told_of()
        if entry is None or (row is not None and row.pk < entry[0]):
            assert row is not None  # noqa: S101  narrows for mypy
            _compare(f"{model.ledger_type} {row.pk}", row, None, report)
            row = next(rows, None)
        elif row is None or entry[0] < row.pk:
            _compare(f"{model.ledger_type} {entry[0]}", None, entry[1], report)
            entry = next(told, None)
        else:
            _compare(f"{model.ledger_type} {row.pk}", row, entry[1], report)
            row, entry = next(rows, None), next(told, None)


def _told(ledger_type: str) -> Iterator[tuple[UUID, dict[str, Any] | None]]:
    """Each subject of a kind, ascending, with the state its newest entry tells; None when it is gone."""
    names = verbs.replayed()
    for ref, name, encoded in stream(_LAST_OF_EACH, [ledger_type, names, ledger_type, names]):
        verb = verbs.known(name)
        gone = encoded is None or verb is None or verb.effect is Effect.GONE
        after = None if gone else orjson.loads(bytes(encoded))["data"]["after"]
        yield ref, None if after is None else {key: after[key] for key in after if key != DETAILS}


def _compare(name: str, row: Recorded | None, told: dict[str, Any] | None, report: Report) -> None:
    report.subjects += 1
    if row is None:
        if told is not None:
            report.add(Section.TABLES, f"{name}: the row is missing, the ledger tells of it")
        return
    if told is None:
        report.add(Section.TABLES, f"{name}: the row is there, the ledger does not tell of it")
        return
    try:
        held = orjson.loads(canonical.canonical(row.ledger_state(), limit=None))
    except canonical.NotCanonical as error:
        report.add(Section.TABLES, f"{name}: its state cannot be read: {error}")
        return
    for key in sorted(held.keys() | told.keys()):
        row_value, told_value = _shown(held, key), _shown(told, key)
        if row_value != told_value:
            report.add(
                Section.TABLES, f"{name}: {key} holds {_cut(row_value)}, the ledger says {_cut(told_value)}"
            )


def _shown(state: dict[str, Any], key: str) -> str:
    return orjson.dumps(state[key], option=orjson.OPT_SORT_KEYS).decode() if key in state else "nothing"


def _cut(value: str) -> str:
    return value if len(value) <= VALUE_SHOWN else value[: VALUE_SHOWN - 1] + "…"
