"""The tables of the ledger. No foreign keys: an entry outlives whatever it is about.

`Entry` is written once, in the business transaction; `Pending` beside it, emptied by the sealer; `Seal` by
the sealer, with the place in the tree and the search columns, all made from the leaf. Triggers refuse every
UPDATE, DELETE and TRUNCATE of entry, seal, node and checkpoint (migration 0002).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from countersign.identifiers import new_id


class Recorded(models.Model):
    """What entries are about: a row with a UUID whose whole state the ledger knows.

    `ledger_type` names the kind in the leaf and never changes. Set `ledger_replayed` to False where the row
    is telemetry that no entry describes: `verify` then compares nothing."""

    ledger_type: ClassVar[str]
    ledger_replayed: ClassVar[bool] = True

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)

    class Meta:
        abstract = True

    def ledger_state(self) -> dict[str, Any]:
        """The whole state of the row, of strings, integers, booleans, None, lists and objects only (instants
        by `clock.stamp`, ids and decimals as strings, personal values not at all). The key `details` is
        taken. `verify` compares it with what the newest entry says."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its state is")

    @classmethod
    def ledger_rows(cls) -> models.QuerySet[Self]:
        """All rows as `verify` reads them; override to join what `ledger_state` needs."""
        return cls._base_manager.all()


class Entry(models.Model):
    """One fact: the canonical bytes, the leaf of the tree. `id` is the order of append, with gaps."""

    canonical = models.BinaryField()

    def __str__(self) -> str:
        return f"entry {self.pk}"


class Pending(models.Model):
    """An entry that is committed and not yet sealed."""

    entry_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return f"pending {self.entry_id}"


class SearchColumns(models.Model):
    """What lists and filters read of an entry; every column is made from the leaf."""

    entry_id = models.BigIntegerField(unique=True)
    uuid = models.UUIDField(unique=True)
    verb = models.TextField()
    actor = models.UUIDField(null=True)
    act = models.UUIDField()
    subject_type = models.TextField()
    subject_ref = models.UUIDField()
    recorded_at = models.DateTimeField()

    class Meta:
        abstract = True


class Seal(SearchColumns):
    """The place of an entry in the tree."""

    index = models.BigIntegerField(primary_key=True)
    leaf = models.BinaryField()

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["subject_type", "subject_ref", "index"], name="ledger_seal_subject"),
            models.Index(fields=["actor", "index"], name="ledger_seal_actor"),
            models.Index(fields=["verb", "index"], name="ledger_seal_verb"),
            models.Index(fields=["act"], name="ledger_seal_act"),
            BrinIndex(fields=["recorded_at"], name="ledger_seal_recorded_at"),
        ]

    def __str__(self) -> str:
        return f"{self.index}: {self.verb}"


class Unsealed(SearchColumns):
    """A view (migration 0002): the pending entries with the columns their seals will have."""

    entry_id = models.BigIntegerField(primary_key=True)

    class Meta:
        managed = False
        db_table = "ledger_unsealed"

    def __str__(self) -> str:
        return f"unsealed {self.verb}"


class Node(models.Model):
    """Root of a complete run of 256**level leaves, level 1 and above; leaves themselves are in `Seal`."""

    pk = models.CompositePrimaryKey("level", "n")
    level = models.SmallIntegerField()
    n = models.BigIntegerField()
    hash = models.BinaryField()

    def __str__(self) -> str:
        return f"node {self.level}/{self.n}"


class Tree(Recorded):
    """The one state row of the log: its name and key, how many leaves it has, and its frontier. The sealer's
    lock is the lock on this row. Made by `create_ledger`."""

    ledger_type: ClassVar[str] = "ledger.tree"

    one = models.BooleanField(default=True, unique=True)
    origin = models.TextField()
    vkey = models.TextField()
    size = models.BigIntegerField(default=0)
    frontier = models.BinaryField(default=b"")

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(name="ledger_tree_is_one", condition=Q(one=True)),
            models.CheckConstraint(name="ledger_tree_size", condition=Q(size__gte=0)),
        ]

    def __str__(self) -> str:
        return self.origin

    def ledger_state(self) -> dict[str, Any]:
        """Size and frontier are not state: they are what the leaves lead to."""
        return {"origin": self.origin, "vkey": self.vkey}


class Checkpoint(models.Model):
    """A signed head of the log (C2SP tlog-checkpoint)."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()
    signed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class PersonalValue(models.Model):
    """A value the leaf only commits to: sha256(salt ‖ value). Deleting the row erases it; the tree still
    holds."""

    pk = models.CompositePrimaryKey("entry", "field")
    entry = models.UUIDField()
    field = models.TextField()
    value = models.TextField()
    salt = models.BinaryField()

    class Meta:
        db_table = "ledger_personal"

    def __str__(self) -> str:
        return f"{self.field} of {self.entry}"
