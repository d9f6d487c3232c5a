"""Keeping blobs and collecting those nothing names. Rows of blobs are no state of the ledger: what names them
is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db import IntegrityError, transaction
from django.db.models import Exists, ForeignKey, OuterRef, QuerySet

from countersign import clock
from countersign.blobs.models import Blob
from countersign.blobs.storage import storage
from countersign.blobs.store import Incoming

GRACE = timedelta(hours=24)
"""How long bytes nobody names yet are left alone: an upload step by step may take that long."""


def keep_blob(incoming: Incoming) -> Blob:
    """The row of received bytes, in the caller's transaction or one of its own."""
    return keep_blobs([incoming])[0]


def keep_blobs(incoming: Sequence[Incoming]) -> list[Blob]:
    """The rows of received bytes, in the order given.

    Bytes that are kept already are not kept twice: after commit the new copy is removed, and the row counts
    as just received, so that the collector leaves it alone until it is named. Rows are locked in the order of
    their digests, so that two uploads of the same files cannot block each other."""
    fresh = {one.sha256: one for one in incoming}
    now = clock.now()
    with transaction.atomic():
        Blob.objects.bulk_create(
            [
                Blob(sha256=sha256, size=fresh[sha256].size, key=fresh[sha256].key, created_at=now)
                for sha256 in sorted(fresh)
            ],
            update_conflicts=True,
            unique_fields=["sha256"],
            update_fields=["created_at"],
        )
        kept = Blob.objects.in_bulk(list(fresh))
        for one in incoming:
            if one.key != kept[one.sha256].key:
                _delete_after_commit(one.key)
    return [kept[one.sha256] for one in incoming]


def _delete_after_commit(key: str) -> None:
    # A lambda, since Django names the function in its log where a robust one fails; a partial has no name.
    transaction.on_commit(lambda: storage().delete(key), robust=True)


_releases: list[Callable[[], int]] = []


def release_first(release: Callable[[], int]) -> None:
    """Have a function called before each collection, which lets go of blobs that are named in vain (an upload
    nobody finished) and gives their number."""
    _releases.append(release)


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection removed: rows with their bytes, keys without a row, files that never finished
    arriving."""

    blobs: int
    bytes: int
    keys: int
    arriving: int


def collect_unreferenced(*, older_than: timedelta = GRACE) -> Collected:
    """Remove blobs nothing names and bytes no row names, all older than `older_than`.

    The row goes first, under its lock and against foreign keys that restrict; then, after commit, the key: an
    upload of the same bytes meanwhile gets a row and a key of its own. May run twice without harm."""
    for release in _releases:
        release()
    before = clock.now() - older_than
    blobs = size = 0
    for sha256 in list(_unreferenced(before).values_list("sha256", flat=True)):
        if (removed := _collect(sha256, before)) is not None:
            blobs, size = blobs + 1, size + removed
    keys = iter(storage().keys(before=before))
    swept = 0
    while batch := list(islice(keys, 500)):
        swept += _sweep(batch)
    return Collected(blobs, size, swept, storage().sweep_arriving(before=before))


def _unreferenced(before: datetime) -> QuerySet[Blob]:
    """Blobs received before an instant that no foreign key of any application names."""
    unnamed = Blob.objects.filter(created_at__lt=before)
    for relation in Blob._meta.get_fields(include_hidden=True):
        if relation.auto_created and not relation.concrete and isinstance(relation.remote_field, ForeignKey):
            rows = relation.related_model._base_manager
            unnamed = unnamed.exclude(Exists(rows.filter(**{relation.remote_field.name: OuterRef("pk")})))
    return unnamed


def _collect(sha256: str, before: datetime) -> int | None:
    """Remove one blob; its size, or None where it was named or received again meanwhile."""
    try:
        with transaction.atomic():
            blob = (
                _unreferenced(before)
                .select_for_update(skip_locked=True, of=("self",))
                .filter(pk=sha256)
                .first()
            )
            if blob is None:
                return None
            Blob.objects.filter(pk=sha256)._raw_delete(
                using="default"
            )  # the foreign keys of the database decide
    except IntegrityError:
        return None
    storage().delete(blob.key)
    return blob.size


def _sweep(keys: Iterable[str]) -> int:
    """Remove those of the keys that no row names."""
    wanted = set(keys)
    orphans = wanted - set(Blob.objects.filter(key__in=wanted).values_list("key", flat=True))
    for key in orphans:
        storage().delete(key)
    return len(orphans)
